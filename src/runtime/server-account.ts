import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { InputInvalid } from '#model/failure';
import type { Account } from '#postgres/server-process';

/**
 * Who shall own a restored cluster and run its server. Nobody special unless we are root: PostgreSQL refuses to run as
 * root, so then `user` (by default `postgres`) has to exist. `field` is for messages: where the user was named.
 * @throws InputInvalid when there is no such user, or when we are not root and cannot become somebody else
 */
export async function serverAccount(user: string | undefined, field = '--run-as'): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) {
    if (user === undefined || (await idOf('-u', user, field)) === process.getuid?.()) return undefined;
    throw new InputInvalid(field, user, 'nothing: only root can run a server as somebody else');
  }
  const name = user ?? 'postgres';
  const [uid, gid] = await Promise.all([idOf('-u', name, field), idOf('-g', name, field)]);
  if (uid > 0) return { uid, gid };
  throw new InputInvalid(field, name, 'a user of this machine that is not root');
}

async function idOf(flag: '-u' | '-g', user: string, field: string): Promise<number> {
  if (!/^[\w][\w.-]*$/.test(user)) throw new InputInvalid(field, user, 'the name of a user');
  const child = spawn('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [chunks, [code]] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
  if (code === 0) return Number(Buffer.concat(chunks as Buffer[]).toString());
  throw new InputInvalid(
    field,
    user,
    'a user of this machine',
    'name who runs the server: --run-as USER, or LIFEBOAT_RUN_AS',
  );
}
