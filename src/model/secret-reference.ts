/** Where a secret is read from at the moment it is needed. A plan never holds the secret itself. */
export type SecretReference = { from: 'env'; name: string } | { from: 'file'; path: string };

/** undefined when the text is neither. The caller must not print the text: it may be the secret itself. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const env = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(text);
  if (env) return { from: 'env', name: env[1]! };
  const file = /^file:(\S.*)$/.exec(text);
  return file ? { from: 'file', path: file[1]! } : undefined;
}

export const formatSecretReference = (reference: SecretReference): string =>
  reference.from === 'env' ? `env:${reference.name}` : `file:${reference.path}`;
