import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '#local/clock';
import { EventOutbox, type EventOutboxSettings } from '#local/event-outbox';
import { readEventRules } from '#local/event-rules';
import { EventSweep } from '#local/event-sweep';
import { StoreUnavailable } from '#model/failure';
import { type ObjectCreated, objectCreatedEvent } from '#model/object-created';
import type { DeadEvent } from '#notify/daemon-notice';
import { announcePuts } from '#runtime/announce-puts';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { stored } from '../store/contract.ts';

const manifest = 'main/backups/20261120T051345123Z-full/manifest.json';
const chunk = (n: number): string => `main/wal/7421/00000001/000000010000000000000003.${hex(n)}-${hex(n + 1)}`;
const hex = (n: number): string => n.toString(16).toUpperCase().padStart(8, '0');

const rules = readEventRules(
  JSON.stringify(
    ['first', 'second'].map((name) => ({
      name,
      description: '',
      pattern: { detail: { object: { key: [{ prefix: 'main/' }] } } },
      target: { function: name },
    })),
  ),
  '/any',
  ['main'],
);

let parent: string;
let folder: string;
let plain: ObjectStore;
let store: ObjectStore;
let said: string[];
let toldDead: DeadEvent[];
let taken: { rule: string; key: string; event: ObjectCreated }[];
let refuse: (rule: string, event: ObjectCreated) => Promise<void>;
/** moves when it is told to */
let aheadMs: number;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'lifeboat-outbox-'));
  folder = join(parent, 'events');
  await mkdir(folder);
  plain = await createDirectoryStore(join(parent, 'bucket'));
  store = announcePuts(plain, folder, assert.fail);
  said = [];
  toldDead = [];
  taken = [];
  refuse = async () => undefined;
  aheadMs = 0;
});
afterEach(() => rm(parent, { recursive: true }));

const clock: Clock = { now: () => Date.now() + aheadMs, sleep: systemClock.sleep };
const never = new AbortController().signal;
const say = (message: string) => said.push(message);

function outboxOf(more: Partial<EventOutboxSettings> = {}): EventOutbox {
  return new EventOutbox({
    folder,
    store: plain,
    rules,
    tellDead: async (event) => void toldDead.push(event),
    clock,
    log: { info: say, warn: say, error: say },
    async deliver(rule, event) {
      await refuse(rule.name, event);
      taken.push({ rule: rule.name, key: event.detail.object.key, event });
    },
    ...more,
  });
}

const put = async (key: string, to = store) => stored(await to.put(key, Buffer.from(key), { condition: 'absent' }));
const files = async () => (await readdir(folder)).filter((name) => name !== 'dead' && name !== 'swept.json').sort();
const dead = async () => readdir(join(folder, 'dead'));
const keysOf = (rule: string) => taken.filter((one) => one.rule === rule).map(({ key }) => key);

describe('what was put', () => {
  test('is delivered to each matching target as the event of the object, and then forgotten', async () => {
    const object = await put(manifest);
    await put(chunk(1));
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first').sort(), [manifest, chunk(1)].sort());
    assert.deepEqual(keysOf('second').sort(), [manifest, chunk(1)].sort());
    assert.deepEqual(taken.find(({ key }) => key === manifest)?.event, objectCreatedEvent(plain.url, object));
    assert.deepEqual(await files(), []);
    assert.deepEqual(said, []);
  });

  test('reaches a running daemon at once, and many at once reach it completely', async () => {
    const stop = new AbortController();
    let atOnce = 0;
    let most = 0;
    refuse = async () => {
      most = Math.max(most, ++atOnce);
      await sleep(2);
      atOnce--;
    };
    const running = outboxOf({ concurrency: 4 }).run(stop.signal);
    await Promise.all(Array.from({ length: 60 }, (_, n) => put(chunk(n))));
    const giveUpAt = Date.now() + 20_000;
    while (taken.length < 120 && Date.now() < giveUpAt) await sleep(10);
    stop.abort();
    await running;
    assert.equal(new Set(keysOf('first')).size, 60);
    assert.equal(taken.length, 120);
    assert.ok(most <= 8, `${most} deliveries at once`);
    assert.deepEqual(await files(), []);
  });

  test('matches no rule, and is forgotten', async () => {
    await put('other/wal/7421/00000001/000000010000000000000003');
    await outboxOf().round(never);
    assert.deepEqual(taken, []);
    assert.deepEqual(await files(), []);
  });

  test('is delivered again, later and later, to the target that did not take it alone', async () => {
    await put(manifest);
    let failures = 0;
    refuse = async (rule) => {
      if (rule === 'second' && ++failures <= 3) throw new Error('no memory');
    };
    const outbox = outboxOf();
    for (const pauseMs of [1000, 2000, 4000]) {
      await outbox.round(never);
      await outbox.round(never);
      aheadMs += pauseMs - 300;
      await outbox.round(never);
      aheadMs += 301;
    }
    assert.equal(failures, 3);
    await outbox.round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
    assert.deepEqual(keysOf('second'), [manifest]);
    assert.deepEqual(await files(), []);
    assert.match(said[0]!, /event: main\/backups.*manifest\.json, try 1: second: no memory/);
  });

  test('survives the daemon, with what was taken of it and how often it was tried', async () => {
    await put(manifest);
    refuse = async (rule) => {
      if (rule === 'second') throw new Error('no memory');
    };
    await outboxOf().round(never);
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
    const [name] = await files();
    // a crash in the middle of the next note
    await appendFile(join(folder, name!), '\n{"tries":9,"sin');
    refuse = async () => undefined;
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
    assert.deepEqual(keysOf('second'), [manifest]);
    assert.deepEqual(await files(), []);
  });

  test('is not counted as failed by a daemon that is told to stop', async () => {
    await put(manifest);
    const stop = new AbortController();
    refuse = async () => {
      stop.abort();
      throw stop.signal.reason;
    };
    await outboxOf().round(stop.signal);
    const [name] = await files();
    assert.equal((await readFile(join(folder, name!), 'utf8')).split('\n').length, 1);
    assert.deepEqual(said, []);
  });

  test('is given up after a day, loudly, and tried for another one by who moves it back', async () => {
    await put(manifest);
    refuse = async () => {
      throw new Error('no memory');
    };
    const outbox = outboxOf();
    for (let hours = 0; hours < 26; hours++) {
      await outbox.round(never);
      aheadMs += 3_600_000;
    }
    assert.deepEqual(await files(), []);
    const [name] = await dead();
    assert.match(
      said.at(-1)!,
      /^the event of main\/backups\/.* was given up: first: no memory; second: no memory\nHINT: it is .*dead/,
    );
    const place = join(folder, 'dead', name!);
    const [event] = toldDead;
    assert.deepEqual(toldDead, [
      { key: manifest, place, tries: 25, reason: 'first: no memory; second: no memory', begunAt: event!.begunAt },
    ]);
    assert.equal(event!.begunAt.getTime(), Number(name!.slice(0, 15)));
    await rename(place, join(folder, name!));
    await outboxOf().round(never);
    assert.deepEqual(await files(), [name]);
    aheadMs += 3_600_000;
    refuse = async () => undefined;
    await outboxOf().round(never);
    assert.deepEqual(keysOf('second'), [manifest]);
  });

  test('is given up after 185 tries, and not because the machine slept for a weekend', async () => {
    await put(manifest);
    refuse = async () => {
      throw new Error('no network');
    };
    const outbox = outboxOf();
    await outbox.round(never);
    aheadMs += 60 * 3_600_000;
    await outbox.round(never);
    assert.equal((await files()).length, 1);
    const [name] = await files();
    const tries = { tries: 184, since: new Date(clock.now()).toISOString(), taken: [], failure: '' };
    await appendFile(join(folder, name!), `\n${JSON.stringify(tries)}\n`);
    await outboxOf().round(never);
    assert.deepEqual(await files(), []);
    assert.equal((await dead()).length, 1);
  });

  test('is given up only once people could be told of it', async () => {
    await put(manifest);
    refuse = async () => {
      throw new Error('no network');
    };
    const [name] = await files();
    const tries = { tries: 184, since: new Date(clock.now()).toISOString(), taken: [], failure: '' };
    await appendFile(join(folder, name!), `\n${JSON.stringify(tries)}\n`);
    await outboxOf({ tellDead: () => Promise.reject(new Error('the disk is full')) }).round(never);
    assert.deepEqual(await files(), [name]);
    assert.match(said.at(-1)!, /the disk is full/);
    await outboxOf().round(never);
    assert.deepEqual(await dead(), [name]);
    assert.equal(toldDead.length, 1);
  });

  test('and cannot be understood, or is of another bucket, is buried and does not stop the others', async () => {
    const time = String(Date.now()).padStart(15, '0');
    await writeFile(join(folder, `${time}-00.put`), '');
    await writeFile(join(folder, `${time}-01.put`), '{"format":"lifeboat-put/2"}');
    await writeFile(join(folder, `${time}-02.unsure`), 'x');
    await writeFile(join(folder, 'README'), 'not ours');
    const other = await createDirectoryStore(join(parent, 'other'));
    await put(manifest, announcePuts(other, folder, assert.fail));
    await put(chunk(1));
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first'), [chunk(1)]);
    assert.equal((await dead()).length, 4);
    assert.deepEqual(toldDead.map(({ key }) => key).sort(), [manifest, undefined, undefined, undefined]);
    assert.ok(said.some((message) => message.includes(`it is of ${other.url}`)));
    assert.deepEqual(await files(), ['README']);
  });
});

describe('a put whose end nobody told', () => {
  const begin = async (key: string, ageMs: number, pid: number, bucket = plain.url) => {
    const name = `${String(Date.now() - ageMs).padStart(15, '0')}-00000000-0000-4000-8000-${key.length}.intent`;
    const writer = { host: (await import('node:os')).hostname(), pid };
    await writeFile(join(folder, name), JSON.stringify({ format: 'lifeboat-put/1', bucket, key, writer }));
  };
  const gonePid = async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    return child.pid!;
  };

  test('of a dead writer is announced if the object is there, else forgotten', async () => {
    await put(manifest, plain);
    const pid = await gonePid();
    await begin(manifest, 10_000, pid);
    await begin(`${manifest}x`.replace('manifest.jsonx', 'other'), 10_000, pid);
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
    assert.deepEqual(await files(), []);
  });

  test('is left alone while its writer lives, or has only just begun', async () => {
    await put(manifest, plain);
    await begin(manifest, 10_000, process.pid);
    await begin(chunk(1), 1000, await gonePid());
    await outboxOf().round(never);
    assert.deepEqual(taken, []);
    assert.equal((await files()).length, 2);
    // the number of a dead writer may be another's by now
    aheadMs = 2 * 3_600_000;
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
    assert.deepEqual(await files(), []);
  });

  test('that failed is looked for at once', async () => {
    const lost: ObjectStore = {
      ...announcePuts(plain, folder, assert.fail),
      async put(key, body, options) {
        await plain.put(key, body, options);
        throw new StoreUnavailable('the answer was lost', { operation: 'put', subject: key });
      },
    };
    const failing = announcePuts(lost, folder, assert.fail);
    await assert.rejects(failing.put(manifest, Buffer.from('x')), StoreUnavailable);
    await assert.rejects(store.put(chunk(1), Buffer.from('x'), { signal: AbortSignal.abort() }));
    assert.equal((await files()).length, 2);
    await outboxOf().round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
    assert.deepEqual(await files(), []);
  });

  test('waits for a store that does not answer', async () => {
    await put(manifest, plain);
    await begin(manifest, 10_000, await gonePid());
    let down = true;
    const shaky: ObjectStore = {
      ...announcePuts(plain, folder, assert.fail),
      head: (key, options) =>
        down
          ? Promise.reject(new StoreUnavailable('no answer', { operation: 'head', subject: key }))
          : plain.head(key, options),
    };
    const outbox = outboxOf({ store: shaky });
    await outbox.round(never);
    assert.equal((await files()).length, 1);
    down = false;
    aheadMs = 1001;
    await outbox.round(never);
    assert.deepEqual(keysOf('first'), [manifest]);
  });

  test('into another bucket is not looked for in this one', async () => {
    await put(manifest, plain);
    await begin(manifest, 10_000, await gonePid(), '/srv/another');
    await outboxOf().round(never);
    assert.deepEqual(taken, []);
    assert.equal((await dead()).length, 1);
    assert.match(said.at(-1)!, /given up: it is of \/srv\/another/);
  });

  test('by a writer that died while it wrote that the put is done is announced', async () => {
    await put(manifest, plain);
    await begin(manifest, 10_000, await gonePid());
    const [name] = await files();
    await writeFile(join(folder, name!.replace('.intent', '.put.tmp')), '{"format":"lifeboat-p');
    await outboxOf().round(never);
    assert.deepEqual(said, []);
    assert.deepEqual(keysOf('first'), [manifest]);
  });

  test('by a writer that is killed at any moment is heard of whenever the object is there', async () => {
    const program = fileURLToPath(new URL('announcing-child.ts', import.meta.url));
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, [program, join(parent, 'bucket'), folder, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await sleep(5 + Math.random() * 40);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    aheadMs = 10_000;
    await outboxOf().round(never);
    const there: string[] = [];
    for await (const { key } of plain.list('main/wal/')) there.push(key);
    assert.ok(there.length > 8);
    assert.deepEqual([...new Set(keysOf('first'))].sort(), there.sort(), said.join('\n'));
    assert.deepEqual(
      (await files()).filter((name) => !name.endsWith('.tmp')),
      [],
    );
  });
});

describe('a sweep of the bucket', () => {
  const sweepOf = (outbox: EventOutbox) =>
    new EventSweep({
      file: join(folder, 'swept.json'),
      store: plain,
      sources: ['main'],
      outbox,
      clock,
      log: { info: say, warn: say, error: say },
    });

  test('announces what nobody announced, once, and nothing that somebody did', async () => {
    const outbox = outboxOf();
    const sweep = sweepOf(outbox);
    const now = new Date().toISOString().replace(/[-:.]/g, '');
    const recent = `main/backups/${now}-full/manifest.json`;
    await put(recent, plain);
    await put(chunk(1), plain);
    await put('main/wal/7421/00000002.history', plain);
    await put('main/wal/7421/00000002/000000020000000000000004', plain);
    await put(chunk(2));
    assert.equal(await sweep.sweep(never), 4);
    await outbox.round(never);
    assert.equal(taken.length, 10);
    assert.equal(await sweep.sweep(never), 0);
    await put(chunk(3));
    await outbox.round(never);
    await put(chunk(4), plain);
    assert.equal(await sweep.sweep(never), 1);
    await outbox.round(never);
    assert.equal(taken.length, 14);
  });

  test('leaves a put that is under way to its writer', async () => {
    const outbox = outboxOf();
    const sweep = sweepOf(outbox);
    const slow = announcePuts(
      {
        ...announcePuts(plain, folder, assert.fail),
        async put(key, body, options) {
          const outcome = await plain.put(key, body, options);
          assert.equal(await sweep.sweep(never), 0);
          return outcome;
        },
      },
      folder,
      assert.fail,
    );
    await put(chunk(1), slow);
    await outbox.round(never);
    assert.equal(await sweep.sweep(never), 0);
    assert.deepEqual(keysOf('first'), [chunk(1)]);
  });

  test('finds the announcements that were lost with the power, in files that were not on the disk yet', async () => {
    const outbox = outboxOf();
    await sweepOf(outbox).sweep(never);
    await put(chunk(1));
    await put(manifest.replace('20261120T051345123Z', new Date().toISOString().replace(/[-:.]/g, '')));
    // a sweep passes while they are pending
    aheadMs = 3 * 3_600_000;
    await sweepOf(outbox).sweep(never);
    for (const name of await files()) await rm(join(folder, name));
    aheadMs = 6 * 3_600_000;
    const after = outboxOf();
    assert.equal(await sweepOf(after).sweep(never), 2);
    await after.round(never);
    assert.equal(keysOf('first').length, 2);
  });

  test('does not look at what is long settled', async () => {
    const outbox = outboxOf();
    const object = await put(chunk(1), plain);
    const old = new Date(Date.now() - 40 * 3_600_000);
    await utimes(join(parent, 'bucket', object.key), old, old);
    assert.equal(await sweepOf(outbox).sweep(never), 0);
    const swept = JSON.parse(await readFile(join(folder, 'swept.json'), 'utf8'));
    assert.deepEqual(swept.marks, { 'main/wal/7421/00000001/': chunk(1) });
    await put(chunk(2), plain);
    assert.equal(await sweepOf(outbox).sweep(never), 1);
  });

  test('begins anew where what it remembers cannot be understood', async () => {
    await writeFile(join(folder, 'swept.json'), '{"format":');
    await put(chunk(1), plain);
    assert.equal(await sweepOf(outboxOf()).sweep(never), 1);
  });
});
