/** What is filled in; undefined: nobody knows it yet, so its name stands there. */
export type Words = Readonly<Partial<Record<Word, string>>>;

export type Word = keyof typeof meanings;

/** What each word stands for, for whoever has to find it. */
export const meanings = {
  SOURCE: 'the source in the plan: `lifeboat status` names them',
  GROUP: 'the group of two sites in the plan: `lifeboat groups` names them',
  SYSTEM: 'the system in the plan: what stands under `systems`',
  PLACE: 'a directory that does not exist yet, with room for all data (--place)',
  HOST: 'where the server is, or will be',
  PORT: 'its port',
  ADMIN: 'a superuser of it',
  ACCOUNT: 'the account that runs the server',
  START_OPTIONS: 'how the restored server is to listen',
  DATABASE: 'the database that is meant (--database)',
  TABLE: 'the table that is meant, as schema.table (--table)',
  RESCUED: 'the new table beside it, for what was rescued',
  FILE: 'a file for the rows or the table, which does not exist yet',
  INSTANT: 'the last instant at which all was well, with its zone (--time)',
  DUMP: 'the newest dump from before the damage: `lifeboat dumps`',
  BESIDE_HOST: 'where the restored server listens: RDS shows its endpoint',
  BESIDE_PORT: 'its port',
  INSTANCE_CLASS: 'of the new instance in RDS: like db.r6g.large, the one that the old one had',
  NEW_NAME: 'of the new database in RDS',
  EXECUTION: 'the execution: the command that started it and `lifeboat status` name it',
  HASH: 'the first 12 digits of the plan that waits for an answer: `lifeboat status` shows them',
  APPROVER: 'who answers, by the name in the plan',
  REASON: 'why, in your words and in quotes: it is kept as evidence',
  KEY_FILE: 'the key file of the plan',
  KMS_KEY: "the ARN of the KMS key of the plan: `lifeboat rekey --list` and the stack's outputs show it",
  REGION: 'the region where the bucket is',
  RECOVERY_REGION: 'the second region',
  BUCKET: 'the bucket of the plan',
} as const;

const place = /\$([A-Z_]+)/g;

/** The words that stand in it. */
export const wordsIn = (text: string): Word[] =>
  [...text.matchAll(place)].flatMap(([, word]) => (word! in meanings ? [word as Word] : []));

/** What is not known keeps its name, which then is to be replaced. */
export const fillIn = (text: string, words: Words): string =>
  text.replace(place, (whole, word: string) => (word in meanings ? (words[word as Word] ?? word) : whole));

/** `{restore/Look again}` → `"Look again" of restore` */
export const nameStates = (text: string): string => text.replace(stateMark, '"$2" of $1');

/** The states that a text speaks of. */
export const statesIn = (text: string): { machine: string; state: string }[] =>
  [...text.matchAll(stateMark)].map(([, machine, state]) => ({ machine: machine!, state: state! }));

const stateMark = /\{([a-z-]+)\/([^{}]+)\}/g;
