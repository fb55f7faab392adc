/** What one witness answers. */
export interface WitnessSays {
  /** for people and records: `alarm primary-gone in eu-west-1` */
  what: string;
  /** unknown: the witness cannot be asked, or does not know, and so counts for nothing */
  says: 'gone' | 'there' | 'unknown';
  /** in words, without secrets */
  detail: string;
}
