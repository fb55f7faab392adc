/**
 * A process that works on a directory store as its parent tells it, one order at a time:
 * `node directory-store-child.ts <directory>`, orders and reports over IPC.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DirectoryLock } from '#store/directory-lock';
import { openDirectoryStore } from '#store/directory-store';
import { read } from './contract.ts';

export type Order =
  /** create-only; reports whether it won */
  | { do: 'create'; key: string; body: string }
  /** add 1 to a number, so many times, by compare-and-swap; reports each success */
  | { do: 'increment'; key: string; times: number }
  /** put and delete objects in one folder; reports the end */
  | { do: 'churn'; folder: string; times: number }
  /** put a body that never ends; reports when some of it is written */
  | { do: 'put for ever'; key: string }
  /** take the lock and keep it; reports when it has it */
  | { do: 'hold the lock' };

const directory = process.argv[2]!;
const store = await openDirectoryStore(directory);

process.on('message', (order: Order) => {
  // a failure ends the process, and the parent sees that
  carryOut(order).then(report);
});
process.on('disconnect', () => process.exit());
report('ready');

async function carryOut(order: Order): Promise<unknown> {
  if (order.do === 'create') {
    return (await store.put(order.key, Buffer.from(order.body), { condition: 'absent' })).stored;
  }
  if (order.do === 'increment') return increment(order.key, order.times);
  if (order.do === 'churn') return churn(order.folder, order.times);
  if (order.do === 'put for ever') return store.put(order.key, endless());
  return new DirectoryLock(`${directory}/.lifeboat/lock`).hold(async () => {
    report('held');
    await sleep(60_000);
  });
}

async function increment(key: string, times: number): Promise<string> {
  for (let done = 0; done < times; ) {
    const head = await store.head(key);
    const next = Number(await read(store, key)) + 1;
    const outcome = await store.put(key, Buffer.from(String(next)), { condition: { etag: head!.etag } });
    if (!outcome.stored) continue;
    done++;
    report('incremented');
  }
  return 'done';
}

async function churn(folder: string, times: number): Promise<string> {
  for (let i = 0; i < times; i++) {
    const key = `${folder}/${process.pid}-${i}.x`;
    await store.put(key, Buffer.from(key), { condition: 'absent' });
    if ((await read(store, key)).toString() !== key) throw new Error(`${key} was not read back`);
    await store.delete(key);
  }
  return 'done';
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let i = 0; ; i++) {
    yield Buffer.alloc(65536, i);
    if (i === 20) report('halfway');
    await sleep(1);
  }
}

function report(what: unknown): void {
  process.send!(what);
}
