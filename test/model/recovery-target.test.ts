import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { InputInvalid } from '#model/failure';
import { lsn } from '#model/lsn';
import { parseInstant, parseTarget, printInstant, printPoint, type TargetInput } from '#model/recovery-target';

const micros = (text: string) => parseInstant(text, 'time');

test('without a word, the target is the latest point, promoted, on the timeline of the day', () => {
  assert.deepEqual(parseTarget({}), {
    point: { kind: 'latest' },
    inclusive: true,
    action: 'promote',
    timeline: undefined,
    backup: undefined,
  });
});

const points: [TargetInput, object, string][] = [
  [{ time: '2026-11-20 05:13:45Z' }, { kind: 'time', micros: 1795151625000000n }, 'time 2026-11-20 05:13:45.000000+00'],
  [{ lsn: '16/B374D848' }, { kind: 'lsn', lsn: 0x16_b374_d848n }, 'lsn 16/B374D848'],
  [{ xid: '4294967295' }, { kind: 'xid', xid: 4294967295 }, 'transaction 4294967295'],
  [
    { name: "before Monday's release" },
    { kind: 'name', name: "before Monday's release" },
    'restore point "before Monday\'s release"',
  ],
  [{ immediate: true }, { kind: 'immediate' }, "the backup's end"],
  [{}, { kind: 'latest' }, 'the latest point'],
];
for (const [input, point, printed] of points) {
  test(`${JSON.stringify(input)} is ${printed}`, () => {
    const parsed = parseTarget(input).point;
    assert.deepEqual(parsed, point);
    assert.equal(printPoint(parsed), printed);
  });
}

test('how to treat the point is taken from the input', () => {
  const target = parseTarget({
    lsn: '0/1',
    exclusive: true,
    action: 'pause',
    timeline: '3',
    backup: '20261120T051345123Z-incr',
  });
  assert.deepEqual(target, {
    point: { kind: 'lsn', lsn: lsn(1n) },
    inclusive: false,
    action: 'pause',
    timeline: 3,
    backup: '20261120T051345123Z-incr',
  });
});

test('`immediate: false` and `exclusive: false` say nothing', () => {
  assert.deepEqual(parseTarget({ immediate: false }), parseTarget({}));
  assert.deepEqual(parseTarget({ immediate: false, exclusive: false, lsn: '0/1' }), parseTarget({ lsn: '0/1' }));
});

test('an instant may be written in many ways, always with its zone', () => {
  const same = [
    '2026-11-20 05:13:45Z',
    '2026-11-20T05:13:45Z',
    '2026-11-20 05:13:45z',
    '2026-11-20 05:13:45 UTC',
    '2026-11-20 05:13:45+00',
    '2026-11-20 05:13:45.000000+0000',
    '2026-11-20 06:13:45+01',
    '2026-11-20 10:43:45+05:30',
    '2026-11-20 10:43:45 +0530',
    '2026-11-19 21:13:45-08',
    '  2026-11-20 05:13:45Z  ',
  ];
  for (const text of same) assert.equal(micros(text), 1795151625000000n, text);
  assert.equal(micros('2026-11-20 05:13Z'), micros('2026-11-20 05:13:00Z'));
});

test('fractions are microseconds, however many digits are given', () => {
  const whole = micros('2026-11-20 05:13:45Z');
  assert.equal(micros('2026-11-20 05:13:45.1Z') - whole, 100_000n);
  assert.equal(micros('2026-11-20 05:13:45.000001Z') - whole, 1n);
  assert.equal(micros('2026-11-20 05:13:45.999999Z') - whole, 999_999n);
  assert.equal(micros('1969-12-31 23:59:59.999999Z'), -1n);
});

test('every microsecond survives printing and reading', () => {
  const years = [micros('0001-01-01 00:00Z'), micros('9999-12-31 23:59:59.999999Z')] as const;
  fc.assert(
    fc.property(fc.bigInt(...years), (instant) => {
      assert.equal(parseInstant(printInstant(instant), 'time'), instant);
    }),
  );
});

test('instants are printed in UTC with microseconds, as PostgreSQL prints them', () => {
  assert.equal(printInstant(micros('2026-11-20 05:13:45.000007+02')), '2026-11-20 03:13:45.000007+00');
  assert.equal(printInstant(-1n), '1969-12-31 23:59:59.999999+00');
});

const nakedTimes = ['2026-11-20 05:13:45', '2026-11-20T05:13', '2026-11-20 05:13:45.5'];
for (const time of nakedTimes) {
  test(`"${time}" is refused, since everybody would read it in another zone`, () => {
    assert.throws(
      () => parseTarget({ time }),
      (failure: unknown) => {
        assert.ok(failure instanceof InputInvalid);
        assert.equal(
          failure.message,
          `target time: "${time}" is not allowed: expected a date, a time and a zone, like 2026-11-20 05:13:45Z`,
        );
        assert.equal(failure.hint, `say which zone the time is in: "${time}Z" for UTC, "${time}+02:00"`);
        return true;
      },
    );
  });
}

const impossibleTimes = [
  '',
  'now',
  'yesterday 12:00Z',
  '2026-11-20',
  '2026-11-20Z',
  '20.11.2026 05:13Z',
  '2026-02-29 12:00Z',
  '2026-02-30 12:00Z',
  '2026-04-31 12:00Z',
  '2026-13-01 12:00Z',
  '2026-00-10 12:00Z',
  '2026-11-00 12:00Z',
  '2026-11-20 25:00Z',
  '2026-11-20 12:60Z',
  '2026-11-20 12:00:61Z',
  '2026-11-20 12:00:00.1234567Z',
  '2026-11-20 12:00+25:00',
  '2026-11-20 12:00+02:60',
  '2026-11-20 12:00+2',
  '2026-11-20 12:00 CET',
];
for (const time of impossibleTimes) {
  test(`there is no time "${time}"`, () => {
    assert.throws(
      () => parseTarget({ time }),
      (failure: unknown) =>
        failure instanceof InputInvalid &&
        failure.field === 'target time' &&
        failure.message.startsWith(`target time: "${time}" is not allowed: expected a date, a time and a zone`),
    );
  });
}

test('29 February exists in leap years', () => {
  assert.equal(printInstant(micros('2028-02-29 12:00Z')), '2028-02-29 12:00:00.000000+00');
});

const longName = 'n'.repeat(64);
const refusals: [TargetInput, field: string, message: RegExp][] = [
  [{ time: '2026-11-20Z', lsn: '0/1' }, 'target', /^target: "time and lsn" is not allowed: expected one of time, lsn/],
  [{ xid: '5', name: 'x', immediate: true }, 'target', /"xid and name and immediate"/],
  [{ lsn: '5' }, 'target lsn', /^target lsn: "5" is not allowed: expected two hexadecimal numbers/],
  [{ xid: '2' }, 'target xid', /^target xid: "2" is not allowed: expected a transaction id from 3 to 4294967295$/],
  [{ xid: '4294967296' }, 'target xid', /"4294967296"/],
  [{ xid: '1e3' }, 'target xid', /"1e3"/],
  [{ xid: '-5' }, 'target xid', /"-5"/],
  [{ xid: '' }, 'target xid', /""/],
  [{ name: '' }, 'target name', /^target name: "" is not allowed: expected the name of a restore point, 1 to 63 bytes/],
  [{ name: longName }, 'target name', /1 to 63 bytes/],
  [{ name: 'ä'.repeat(32) }, 'target name', /1 to 63 bytes/],
  [{ name: 'two\nlines' }, 'target name', /on one line/],
  [{ action: 'stop' }, 'target action', /^target action: "stop" is not allowed: expected promote, pause, shutdown$/],
  [{ exclusive: true }, 'exclusive', /^exclusive: "latest" is not allowed: expected a target by time, lsn or xid$/],
  [{ exclusive: true, immediate: true }, 'exclusive', /"immediate"/],
  [{ exclusive: true, name: 'x' }, 'exclusive', /"name"/],
  [{ timeline: '0' }, 'target timeline', /^target timeline: "0" is not allowed: expected a number from 1$/],
  [{ timeline: 'latest' }, 'target timeline', /"latest"/],
  [{ timeline: '4294967296' }, 'target timeline', /"4294967296"/],
  [{ backup: 'newest' }, 'backup', /^backup: "newest" is not allowed: expected an id like/],
];
for (const [input, field, message] of refusals) {
  test(`${JSON.stringify(input).slice(0, 60)} is refused as ${field}`, () => {
    assert.throws(
      () => parseTarget(input),
      (failure: unknown) => {
        assert.ok(failure instanceof InputInvalid);
        assert.equal(failure.field, field);
        assert.match(failure.message, message);
        return true;
      },
    );
  });
}

test('the longest name that PostgreSQL takes is taken', () => {
  assert.deepEqual(parseTarget({ name: 'n'.repeat(63) }).point, { kind: 'name', name: 'n'.repeat(63) });
});
