import { startLocalServer } from '#runtime/start-local-server';

/** Starts a server and ends: `<binDir> <dataDir> <uid> <gid>`. */
const [binDir, dataDir, uid, gid] = process.argv.slice(2);
const account = uid ? { uid: Number(uid), gid: Number(gid) } : undefined;
const { signal } = new AbortController();
const outcome = await startLocalServer({
  binDir: binDir!,
  dataDir: dataDir!,
  account,
  environment: process.env,
  waitMs: 30_000,
  signal,
});
process.stdout.write(JSON.stringify(outcome));
