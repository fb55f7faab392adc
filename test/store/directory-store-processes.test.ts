import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable } from '#model/failure';
import { DirectoryLock } from '#store/directory-lock';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import { all, bytesOf, read, stored } from './contract.ts';
import type { Order } from './directory-store-child.ts';

describe('a directory as a store, between processes', { timeout: 60_000 }, () => {
  let parent: string;
  let directory: string;
  let store: ObjectStore;
  let children: Child[];

  before(async () => {
    parent = await mkdtemp(join(tmpdir(), 'lifeboat-processes-'));
    directory = join(parent, 'bucket');
    store = await createDirectoryStore(directory);
    children = await Promise.all(Array.from({ length: 8 }, () => Child.start(directory)));
  });
  after(async () => {
    await Child.killAll();
    await rm(parent, { recursive: true });
  });

  test('of eight processes that create one object, one wins in each of 25 rounds', async () => {
    for (let round = 0; round < 25; round++) {
      const key = `create/${round}`;
      const outcomes = await Promise.all(
        children.map((child, i) => child.order({ do: 'create', key, body: `process ${i}` })),
      );
      const winners = outcomes.flatMap((outcome, i) => (outcome === true ? [i] : []));
      assert.equal(winners.length, 1, `round ${round}`);
      assert.equal((await read(store, key)).toString(), `process ${winners[0]}`);
    }
  });

  test('eight processes that count by compare-and-swap lose no count', async () => {
    await store.put('counter', Buffer.from('0'));
    await Promise.all(children.map((child) => child.order({ do: 'increment', key: 'counter', times: 20 }, 'done')));
    assert.equal((await read(store, 'counter')).toString(), '160');
  });

  test('processes that are killed while they count leave no stuck lock, and no count is lost or made twice', async () => {
    await store.put('survivor', Buffer.from('0'));
    const victims = await Promise.all(Array.from({ length: 3 }, () => Child.start(directory)));
    for (const victim of victims) victim.send({ do: 'increment', key: 'survivor', times: 1_000_000 });
    for (const victim of victims) {
      await sleep(60 + Math.random() * 40);
      await victim.kill();
    }
    const counted = victims.map((victim) => victim.reports.filter((report) => report === 'incremented').length);
    const told = counted.reduce((sum, count) => sum + count);
    const value = Number(await read(store, 'survivor'));
    assert.ok(told > 0);
    // a victim may have stored its last count and died before it told
    assert.ok(value >= told && value <= told + victims.length, `${value} is stored, ${told} were told`);
    await children[0]!.order({ do: 'increment', key: 'survivor', times: 1 }, 'done');
    assert.equal(Number(await read(store, 'survivor')), value + 1);
  });

  test('the lock of a process that is stopped stays, and that of one that is killed is free at once', async () => {
    const { etag } = stored(await store.put('locked', Buffer.from('old')));
    const holder = await Child.start(directory);
    await holder.order({ do: 'hold the lock' }, 'held');
    holder.process.kill('SIGSTOP');
    const swap = store.put('locked', Buffer.from('new'), { condition: { etag } });
    assert.equal(await Promise.race([swap, sleep(150, 'waits')]), 'waits');
    const impatient = new DirectoryLock(join(directory, '.lifeboat/lock'), { patienceMs: 30 });
    await assert.rejects(
      impatient.hold(async () => undefined),
      StoreUnavailable,
    );
    assert.equal((await read(store, 'locked')).toString(), 'old');
    await holder.kill();
    stored(await swap);
    assert.equal((await read(store, 'locked')).toString(), 'new');
  });

  test('a put that is killed leaves nothing to see, and what it leaves is cleaned away once it is old', async () => {
    await store.abortStaleUploads(new Date(Date.now() + 60_000));
    const writer = await Child.start(directory);
    await writer.order({ do: 'put for ever', key: 'killed/object.bin' }, 'halfway');
    await writer.kill();
    assert.equal(await store.head('killed/object.bin'), undefined);
    assert.deepEqual(await all(store.list('killed/')), []);
    const uploads = () => readdir(join(directory, '.lifeboat/uploads'));
    assert.equal((await uploads()).length, 1);
    assert.equal(await store.abortStaleUploads(new Date(Date.now() - 60_000)), 0);
    assert.equal(await store.abortStaleUploads(new Date(Date.now() + 60_000)), 1);
    assert.deepEqual(await uploads(), []);
    stored(await store.put('killed/object.bin', Buffer.from('again'), { condition: 'absent' }));
  });

  test('puts and deletes in one folder, by eight processes at once, do not disturb each other', async () => {
    await Promise.all(
      children.map((child) => child.order({ do: 'churn', folder: 'churn/deep/er', times: 30 }, 'done')),
    );
    assert.deepEqual(await all(store.list('churn/')), []);
    assert.deepEqual(await all(store.folders('churn/')), []);
  });

  test('a reader keeps the generation that it opened while another process replaces it', async () => {
    await store.put('kept', Buffer.from('0'));
    const { body } = await store.get('kept');
    await children[0]!.order({ do: 'increment', key: 'kept', times: 3 }, 'done');
    assert.equal((await bytesOf(body)).toString(), '0');
    assert.equal((await read(store, 'kept')).toString(), '3');
  });
});

/** A process that carries out orders; it is an error when it ends before it was told to. */
class Child {
  static readonly #all: Child[] = [];
  readonly process: ChildProcess;
  readonly reports: unknown[] = [];
  #waiting: { until: unknown; resolve: (report: unknown) => void; reject: (error: Error) => void } | undefined;
  #ended: Error | undefined;

  private constructor(directory: string) {
    this.process = fork(join(import.meta.dirname, 'directory-store-child.ts'), [directory], { execArgv: [] });
    this.process.on('message', (report) => {
      this.reports.push(report);
      if (this.#waiting && (this.#waiting.until === undefined || this.#waiting.until === report)) {
        this.#waiting.resolve(report);
        this.#waiting = undefined;
      }
    });
    this.process.on('exit', (code, signal) => {
      this.#ended = new Error(`the child ended with ${code ?? signal}`);
      this.#waiting?.reject(this.#ended);
    });
  }

  static async start(directory: string): Promise<Child> {
    const child = new Child(directory);
    Child.#all.push(child);
    await child.#report('ready');
    return child;
  }

  /** Also those that a test left when it failed. */
  static async killAll(): Promise<void> {
    await Promise.all(Child.#all.map((child) => child.kill()));
  }

  send(order: Order): void {
    this.process.send(order);
  }

  /** Give an order and wait for a report: the next one, or the one that is named. */
  order(order: Order, until?: unknown): Promise<unknown> {
    const report = this.#report(until);
    if (this.process.connected) this.send(order);
    return report;
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }

  #report(until: unknown): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { until, resolve, reject };
    });
  }
}
