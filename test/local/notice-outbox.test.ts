import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SnsLambdaEvent } from '#local/invoke-tell';
import { messageIdOf } from '#local/notice-file';
import { type NoticeOutbox, type OutboxOptions, openNoticeOutbox } from '#local/notice-outbox';
import { isTooOld, noticeEntry, pauseAfter } from '#local/notice-retry';
import { snsEvent } from '#notify/sns-event';

const folders: string[] = [];
const outboxes: NoticeOutbox[] = [];
after(async () => {
  for (const outbox of outboxes) await outbox.drain(0);
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-outbox-'));
  folders.push(folder);
  return folder;
}

async function open(folder: string, invoke: OutboxOptions['invoke'], more: Partial<OutboxOptions> = {}) {
  const logged: string[] = [];
  const write = (level: string) => (message: string) => void logged.push(`${level} ${message}`);
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  const pauseMs = { first: 10, longest: 40 };
  const outbox = await openNoticeOutbox({ folder, invoke, log, pauseMs, ...more });
  outboxes.push(outbox);
  return { outbox, logged };
}

const messageOf = (event: SnsLambdaEvent) => event.Records[0]!.Sns.Message;
const filesIn = (folder: string, name: string) => readdirSync(join(folder, name));

async function until(condition: () => boolean, ms = 5_000): Promise<void> {
  const endMs = performance.now() + ms;
  while (!condition()) {
    assert.ok(performance.now() < endMs, `not in ${ms} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('what is published is told as an event of SNS, and does not wait any more', async () => {
  const folder = newFolder();
  const events: SnsLambdaEvent[] = [];
  const { outbox } = await open(folder, async (event) => events.push(event));
  await outbox.publish('{"a":1}', 'call-1');
  await until(() => outbox.state().waiting === 0);
  assert.equal(events.length, 1);
  const [{ Sns }] = snsEvent.parse(events[0]).Records as [
    { Sns: { MessageId: string; TopicArn: string; Message: string } },
  ];
  assert.equal(Sns.Message, '{"a":1}');
  assert.equal(Sns.MessageId, messageIdOf('call-1'));
  assert.match(Sns.MessageId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(Sns.TopicArn, 'arn:aws:sns:local:000000000000:lifeboat');
  assert.deepEqual([filesIn(folder, 'waiting'), filesIn(folder, 'done').length], [[], 1]);
});

test('the same dedupe id publishes nothing twice: at the same time, later, and after a restart', async () => {
  const folder = newFolder();
  const told: string[] = [];
  const invoke = async (event: SnsLambdaEvent) => told.push(messageOf(event));
  const { outbox } = await open(folder, invoke);
  await Promise.all([outbox.publish('one', 'a'), outbox.publish('one', 'a'), outbox.publish('two', 'b')]);
  await until(() => told.length === 2);
  await outbox.publish('one', 'a');
  await outbox.drain(1_000);
  const { outbox: again } = await open(folder, invoke);
  await again.publish('one', 'a');
  await again.drain(1_000);
  assert.deepEqual(told.sort(), ['one', 'two']);
});

test('it is durable before publish settles, and publish does not wait for telling', async () => {
  const folder = newFolder();
  const { outbox } = await open(folder, () => new Promise(() => undefined));
  await outbox.publish('one', 'a');
  const [name] = filesIn(folder, 'waiting');
  assert.equal(JSON.parse(readFileSync(join(folder, 'waiting', name!), 'utf8')).message, 'one');
  const { waiting, oldest, lastFailure } = outbox.state();
  assert.equal(waiting, 1);
  assert.ok(Math.abs(Date.parse(oldest!) - Date.now()) < 5_000);
  assert.equal(lastFailure, null);
});

test('what fails is tried again until it is told, and others are told meanwhile', async () => {
  const told: string[] = [];
  let tries = 0;
  const { outbox, logged } = await open(newFolder(), async (event) => {
    if (messageOf(event) === 'stubborn' && ++tries < 5) throw new Error('the webhook does not answer');
    told.push(messageOf(event));
  });
  await outbox.publish('stubborn', 'a');
  await outbox.publish('easy', 'b');
  await until(() => told.length === 2);
  assert.deepEqual(told, ['easy', 'stubborn']);
  assert.match(outbox.state().lastFailure!.reason, /the webhook does not answer/);
  assert.equal(logged.length, 4);
  assert.match(logged[0]!, /^warn notice .* was not told at try 1, again in .*: Error: the webhook does not answer$/);
});

test('what waits survives a restart', async () => {
  const folder = newFolder();
  const { outbox } = await open(folder, async () => Promise.reject(new Error('down')));
  await outbox.publish('one', 'a');
  await outbox.publish('two', 'b');
  assert.equal(await outbox.drain(1_000), 2);
  const told: string[] = [];
  const { outbox: again } = await open(folder, async (event) => told.push(messageOf(event)));
  await until(() => again.state().waiting === 0);
  assert.deepEqual(told.sort(), ['one', 'two']);
});

test('a thousand at once are told, some at a time', async () => {
  let running = 0;
  let most = 0;
  let told = 0;
  const { outbox } = await open(newFolder(), async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    told += 1;
  });
  await Promise.all(Array.from({ length: 1_000 }, (_, number) => outbox.publish(`notice ${number}`, `id ${number}`)));
  await until(() => outbox.state().waiting === 0, 60_000);
  assert.equal(told, 1_000);
  assert.ok(most <= 8, `${most} at once`);
});

test('an invocation that never ends counts as failed and holds up nobody', async () => {
  const told: string[] = [];
  let hang = true;
  const invoke = async (event: SnsLambdaEvent) => {
    if (messageOf(event) === 'hangs' && hang) return new Promise(() => undefined);
    return told.push(messageOf(event));
  };
  const { outbox } = await open(newFolder(), invoke, { invokeMs: 100, concurrency: 1 });
  await outbox.publish('hangs', 'a');
  await outbox.publish('easy', 'b');
  await until(() => told.includes('easy'));
  hang = false;
  await until(() => told.includes('hangs'));
});

test('after a day it is given up, loudly, and kept', async () => {
  const folder = newFolder();
  const day = 24 * 3_600_000;
  let now = Date.now();
  const more = { now: () => new Date(now), giveUpMs: day };
  const invoke = async () => Promise.reject(new Error('down'));
  const { outbox, logged } = await open(folder, invoke, more);
  await outbox.publish('one', 'a');
  now += day;
  await until(() => logged.length > 3);
  assert.equal(outbox.state().dead, 0, 'a clock that jumps gives nothing up');
  await outbox.drain(1_000);
  const impatient = await open(folder, invoke, { giveUpMs: 24 });
  await until(() => impatient.outbox.state().dead === 1);
  assert.match(impatient.logged.at(-1)!, /^error NOBODY IS TOLD of notice .*\/dead: Error: down$/);
  assert.deepEqual([filesIn(folder, 'waiting'), filesIn(folder, 'dead').length], [[], 1]);
  await impatient.outbox.publish('one', 'a');
  assert.deepEqual(filesIn(folder, 'waiting'), []);
  assert.deepEqual(impatient.outbox.state(), { ...impatient.outbox.state(), waiting: 0, oldest: null, dead: 1 });
});

test('a file that is no notice is laid aside and the others are told; half-written ones are removed', async () => {
  const folder = newFolder();
  const { outbox } = await open(folder, async () => Promise.reject(new Error('down')));
  await outbox.publish('good', 'a');
  await outbox.drain(1_000);
  writeFileSync(join(folder, 'waiting', 'x.json'), '{"format":"lifeboat-outbox/1"');
  writeFileSync(join(folder, 'waiting', 'y.json'), '');
  writeFileSync(join(folder, 'waiting', 'z.json.0.tmp'), '{"for');
  const told: string[] = [];
  const { outbox: again, logged } = await open(folder, async (event) => told.push(messageOf(event)));
  await until(() => again.state().waiting === 0);
  assert.deepEqual(told, ['good']);
  assert.deepEqual(filesIn(folder, 'dead').sort(), ['x.json', 'y.json']);
  assert.equal(logged.filter((line) => line.startsWith('error')).length, 2);
  assert.deepEqual(filesIn(folder, 'waiting'), []);
});

test('who removes a file does not want it told', async () => {
  const folder = newFolder();
  const { outbox } = await open(folder, async () => Promise.reject(new Error('down')));
  await outbox.publish('one', 'a');
  for (const name of filesIn(folder, 'waiting')) unlinkSync(join(folder, 'waiting', name));
  await until(() => outbox.state().waiting === 0);
  assert.equal(outbox.state().dead, 0);
});

test('a failure of the function that says "no such file" does not lose the notice', async () => {
  const { outbox, logged } = await open(newFolder(), async () => {
    throw new Error('the bucket is gone', { cause: Object.assign(new Error('ENOENT'), { code: 'ENOENT' }) });
  });
  await outbox.publish('one', 'a');
  await until(() => logged.length > 2);
  assert.equal(outbox.state().waiting, 1);
});

test('what cannot be written is told at once; what can be neither is refused, and can be published again', async () => {
  const folder = newFolder();
  const told: string[] = [];
  let down = false;
  const { outbox, logged } = await open(folder, async (event) => {
    if (down) throw new Error('down');
    told.push(messageOf(event));
  });
  renameSync(join(folder, 'waiting'), join(folder, 'elsewhere'));
  await outbox.publish('the disk is full', 'full');
  await outbox.publish('the disk is full', 'full');
  assert.deepEqual([told, logged.length], [['the disk is full'], 1]);
  down = true;
  await assert.rejects(outbox.publish('one', 'a'), { name: 'StoreRefused' });
  down = false;
  renameSync(join(folder, 'elsewhere'), join(folder, 'waiting'));
  await outbox.publish('one', 'a');
  await until(() => outbox.state().waiting === 0);
  assert.equal(filesIn(folder, 'done').length, 1);
});

test('what was done a month ago is forgotten', async () => {
  const folder = newFolder();
  const { outbox } = await open(folder, async () => undefined);
  await outbox.publish('old', 'a');
  await outbox.publish('young', 'b');
  await until(() => outbox.state().waiting === 0);
  const old = Date.now() / 1_000 - 31 * 86_400;
  utimesSync(join(folder, 'done', `${messageIdOf('a')}.json`), old, old);
  await open(folder, async () => undefined);
  assert.deepEqual(filesIn(folder, 'done'), [`${messageIdOf('b')}.json`]);
});

test('draining waits for what is on its way, not longer than it may, and begins nothing again', async () => {
  const folder = newFolder();
  let begun = 0;
  let ended = 0;
  const { outbox } = await open(folder, async () => {
    begun += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
    ended += 1;
    throw new Error('down');
  });
  await outbox.publish('one', 'a');
  assert.equal(await outbox.drain(5_000), 1);
  assert.deepEqual([begun, ended], [1, 1]);
  await outbox.publish('two', 'b');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(begun, 1);
  assert.equal(filesIn(folder, 'waiting').length, 2);
  const { outbox: hanging } = await open(newFolder(), () => new Promise(() => undefined));
  await hanging.publish('one', 'a');
  const before = performance.now();
  assert.equal(await hanging.drain(100), 1);
  assert.ok(performance.now() - before < 1_000);
});

test('a log that throws stops nothing', async () => {
  let tries = 0;
  const broken = () => {
    throw new Error('the disk is full');
  };
  const log = { info: broken, warn: broken, error: broken };
  const { outbox } = await open(
    newFolder(),
    async () => (++tries < 3 ? Promise.reject(new Error('down')) : undefined),
    { log },
  );
  await outbox.publish('one', 'a');
  await until(() => outbox.state().waiting === 0);
});

test('killed at any moment, what publish had answered is told, and little of it twice', async () => {
  const folder = newFolder();
  const log = join(folder, 'told.txt');
  const program = fileURLToPath(new URL('notice-outbox-child.ts', import.meta.url));
  const published = new Set<string>();
  const rounds = 4;
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [program, folder, log, `${round * 1_000}`, '1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.split('\n').length > 20 + round * 7) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.once('close', resolve));
    for (const number of text.split('\n').slice(0, -1)) published.add(`notice ${number}`);
  }
  const told = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  const { outbox } = await open(folder, async (event) => told.push(messageOf(event)));
  await until(() => outbox.state().waiting === 0);
  const distinct = new Set(told);
  for (const one of published) assert.ok(distinct.has(one), one);
  assert.ok(published.size > 80, `${published.size}`);
  assert.ok(told.length - distinct.size <= rounds * 8, `${told.length - distinct.size} twice`);
});

test('pauses double up to the longest', () => {
  const pauseMs = { first: 1_000, longest: 300_000 };
  assert.deepEqual(
    [1, 2, 3, 9, 10, 5_000].map((tries) => pauseAfter(tries, pauseMs, 0)),
    [1_000, 2_000, 4_000, 256_000, 300_000, 300_000],
  );
  assert.equal(pauseAfter(1, pauseMs, 1), 750);
});

test('too old is what is older than a day and was tried for an hour', () => {
  const day = 86_400_000;
  const entry = { ...noticeEntry('x', '2026-11-20T00:00:00Z'), firstTriedMs: 0 };
  const hour = 3_600_000;
  assert.equal(isTooOld(entry, new Date('2026-11-21T00:00:00Z'), hour, day), true);
  assert.equal(isTooOld(entry, new Date('2026-11-20T23:59:59Z'), hour, day), false);
  assert.equal(isTooOld(entry, new Date('2026-11-21T00:00:00Z'), hour - 1, day), false);
  assert.equal(isTooOld({ ...entry, firstTriedMs: undefined }, new Date('2027-01-01T00:00:00Z'), hour, day), false);
});
