import type pg from 'pg';

/**
 * A connection whose questions mean the same whatever was set for its role or its database, by who owns that one: names
 * are those of pg_catalog and nobody's functions are called instead, nothing gives up waiting for an answer, and rows that
 * a policy hides are an error instead of missing. What a client asks for at the start counts more than such settings.
 * Source: https://www.postgresql.org/docs/current/config-setting.html
 */
export const ownSession = ({ options, ...config }: pg.ClientConfig): pg.ClientConfig => ({
  ...config,
  options: [...(options ? [options] : []), ...settings.map((setting) => `-c ${setting}`)].join(' '),
});

const settings = ['search_path=pg_catalog', 'statement_timeout=0', 'lock_timeout=0', 'row_security=off'];
