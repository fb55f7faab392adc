/** Where a secret is read from at the moment it is needed. A plan never holds the secret itself. */
export type SecretReference =
  | { from: 'env'; name: string }
  | { from: 'file'; path: string }
  /** in AWS Secrets Manager; `field`: of the JSON that it is */
  | { from: 'secret'; name: string; field?: string };

/** What a plan may say, for messages. */
export const secretAllowed = 'env:NAME, file:/path or secret:NAME (or secret:NAME#field, in Secrets Manager)';

/** undefined when the text is none. The caller must not print the text: it may be the secret itself. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const env = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(text);
  if (env) return { from: 'env', name: env[1]! };
  const file = /^file:(\S.*)$/.exec(text);
  if (file) return { from: 'file', path: file[1]! };
  // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
  const secret = /^secret:([\w/+=.@-]{1,512})(?:#(\S+))?$/.exec(text);
  if (!secret) return undefined;
  return { from: 'secret', name: secret[1]!, ...(secret[2] === undefined ? {} : { field: secret[2] }) };
}

export function formatSecretReference(reference: SecretReference): string {
  if (reference.from === 'env') return `env:${reference.name}`;
  if (reference.from === 'file') return `file:${reference.path}`;
  return `secret:${reference.name}${reference.field === undefined ? '' : `#${reference.field}`}`;
}
