import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { StoredSource } from '#harness/stored-source';
import { provideWorld } from '#runtime/function-world';

process.env.POWERTOOLS_LOG_LEVEL ??= 'SILENT';
const { handler } = await import('#functions/plan-restore');
const context = { functionName: 'x', awsRequestId: 'y' } as never;
const input = { to: '/srv/restored', requestedBy: 'ada' };

let source: StoredSource;
before(async () => {
  source = await StoredSource.create();
  await source.backup();
  await source.commit();
  provideWorld(source.world);
});
after(() => source.remove());

test('an input with every field has each of them in its request', async () => {
  const { request, requestedBy, reason } = await handler(
    {
      input: {
        ...input,
        source: 'main',
        immediate: true,
        action: 'pause',
        timeline: 1,
        setAside: true,
        tablespaces: { '/srv/fast': '/mnt/fast' },
        settings: { work_mem: 5, jit: false, timezone: 'UTC' },
        reason: 'a look',
      },
    },
    context,
  );
  const { target, ...rest } = request;
  assert.deepEqual(rest, {
    source: 'main',
    to: '/srv/restored',
    setAside: true,
    tablespaces: { '/srv/fast': '/mnt/fast' },
    settings: { work_mem: '5', jit: 'off', timezone: 'UTC' },
  });
  assert.deepEqual([target.immediate, target.action, target.timeline], [true, 'pause', '1']);
  assert.deepEqual([requestedBy, reason], ['ada', 'a look']);
});

test('nothing that is asked for can look like a line of the plan, or hide one', async () => {
  const { planText, reason } = await handler(
    {
      input: {
        ...input,
        to: '/srv/restored\x1b[2K',
        settings: { 'lifeboat.x': '1\n  to           /srv/elsewhere' },
        reason: 'harmless\x1b[1A\x1b[2K\n  in the way     refused when something lies there',
      },
    },
    context,
  );
  assert.ok(!planText.includes('\x1b'), planText);
  const lines = planText.split('\n').map((line: string) => line.slice(0, 15).trim());
  assert.deepEqual(
    ['to', 'in the way', 'because'].map((name) => lines.filter((line: string) => line === name).length),
    [1, 1, 1],
  );
  assert.match(reason ?? '', /^harmless/);
});

const wrongInputs: [input: object | string, message: RegExp][] = [
  [{}, /^to: nothing is not allowed: expected the absolute path of a directory$/],
  [{ to: 'restored' }, /^to: "restored" is not allowed: expected the absolute path/],
  [{ to: '/' }, /^to: "\/" is not allowed/],
  [{ ...input, source: 'mian' }, /^source: "mian" .*\nHINT: did you mean "main"\?$/],
  [{ ...input, tim: 'x' }, /^tim: "x" is not allowed: expected only the fields .*\nHINT: did you mean "time"\?$/],
  [{ ...input, time: '2026-11-20 05:13:45' }, /^target time: .*\nHINT: say which zone the time is in/],
  [{ ...input, time: 7 }, /^time: 7 is not allowed: expected a date, a time and a zone/],
  [{ ...input, lsn: 'x' }, /^target lsn: "x" is not allowed/],
  [{ ...input, xid: 2 }, /^target xid: "2" is not allowed: expected a transaction id from 3/],
  [{ ...input, xid: 'x' }, /^xid: "x" is not allowed: expected a transaction id from 3/],
  [{ ...input, name: '' }, /^name: "" is not allowed/],
  [{ ...input, immediate: false }, /^immediate: false is not allowed: expected true, or leave it out$/],
  [{ ...input, latest: 'yes' }, /^latest: "yes" is not allowed: expected true/],
  [{ ...input, latest: true, lsn: '0/1' }, /^target: "lsn and latest" is not allowed: expected one of time, lsn/],
  [{ ...input, exclusive: 'yes' }, /^exclusive: "yes" is not allowed: expected true or false$/],
  [{ ...input, exclusive: true }, /^exclusive: "latest" is not allowed: expected a target by time, lsn or xid$/],
  [{ ...input, action: 'promot' }, /^action: "promot" .*\nHINT: did you mean "promote"\?$/],
  [{ ...input, timeline: 0 }, /^target timeline: "0" is not allowed: expected a number from 1$/],
  [{ ...input, timeline: 'one' }, /^timeline: "one" is not allowed: expected a number from 1$/],
  [{ ...input, backup: 'x' }, /^backup: "x" is not allowed: expected an id like/],
  [{ ...input, setAside: 1 }, /^setAside: 1 is not allowed: expected true or false$/],
  [{ ...input, tablespaces: ['/a'] }, /^tablespaces: \["\/a"\] is not allowed: expected a map of old to new places$/],
  [
    { ...input, tablespaces: { '/srv/fast': 'x' } },
    /^tablespaces\.\/srv\/fast: "x" is not allowed: expected the absolute path/,
  ],
  [
    { ...input, tablespaces: { fast: '/x' } },
    /^tablespaces: "fast" is not allowed: expected the location or oid of a tablespace$/,
  ],
  [{ ...input, tablespaces: { '/other': '/x' } }, /^tablespace: "\/other=\/x" is not allowed: expected OLD=NEW/],
  [
    { ...input, settings: { 'work mem': 1 } },
    /^settings: "work mem" is not allowed: expected the name of a server setting$/,
  ],
  [
    { ...input, settings: { work_mem: null } },
    /^settings\.work_mem: null is not allowed: expected text, a number, true or false$/,
  ],
  [{ ...input, settings: 7 }, /^settings: 7 is not allowed: expected a map of server settings$/],
  [{ ...input, reason: '' }, /^reason: "" is not allowed: expected a reason/],
  [{ ...input, requestedBy: 'a\nb' }, /^requestedBy: "a\nb" is not allowed/],
  [
    { ...input, scheduledTime: '2026-11-20T05:13:45Z' },
    /^scheduledTime: "2026.*" is not allowed: expected only the fields/,
  ],
  ['/srv/restored', /^input: "\/srv\/restored" is not allowed: expected a map with the fields source, to,/],
];
for (const [given, message] of wrongInputs) {
  test(`input ${JSON.stringify(given)} is refused by name`, async () => {
    await assert.rejects(async () => handler({ input: given }, context), { name: 'InputInvalid', message });
  });
}

test('where there is only a volume to restore to, everything has to go there', async () => {
  provideWorld({ ...source.world, environment: { LIFEBOAT_RESTORE_VOLUME: '/var/lib/lifeboat' } });
  try {
    const { request, volumeGiB } = await handler({ input: { ...input, to: '/var/lib/lifeboat/orders' } }, context);
    assert.equal(request.to, '/var/lib/lifeboat/orders');
    assert.equal(volumeGiB, 21);
    for (const to of ['/srv/restored', '/var/lib/lifeboat', '/var/lib/lifeboat/../x', '/var/lib/lifeboats/x'])
      await assert.rejects(
        handler({ input: { ...input, to } }, context),
        /^InputInvalid: to: .* a directory in \/var\/lib/,
      );
    const tablespaces = { 16385: '/mnt/fast' };
    const asked = { input: { ...input, to: '/var/lib/lifeboat/x', tablespaces } };
    await assert.rejects(handler(asked, context), /tablespaces\.16385: "\/mnt\/fast"/);
  } finally {
    provideWorld(source.world);
  }
});
