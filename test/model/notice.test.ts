import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { noticeLimits, noticeSchema, printNotice } from '#model/notice';
import { clip, plainText } from '#model/plain-text';

const least = {
  format: 'lifeboat-notice/1',
  occasion: 'failure',
  subject: 'main',
  title: 'it failed',
  what: 'why',
} as const;

test('what machines need not say is null', () => {
  const rest = { since: null, todo: null, dedupe: null, machine: null, execution: null, recovered: false };
  assert.deepEqual(noticeSchema.parse(least), { ...least, ...rest });
  assert.deepEqual(noticeSchema.parse({ ...least, ...rest, recovered: null }), { ...least, ...rest });
});

test('keys that are not known are left out', () => {
  const parsed = noticeSchema.parse({ ...least, TaskToken: 'secret', extra: 1 });
  assert.ok(!('TaskToken' in parsed) && !('extra' in parsed));
});

for (const key of Object.keys(least)) {
  test(`a notice without ${key} is none`, () => {
    assert.equal(noticeSchema.safeParse({ ...least, [key]: undefined }).success, false);
  });
}

test('what happened may be any JSON, since an error says its cause in one', () => {
  assert.equal(noticeSchema.parse({ ...least, what: { ExitCode: 5 } }).what, '{"ExitCode":5}');
  assert.equal(noticeSchema.parse({ ...least, what: ['a', 1] }).what, '["a",1]');
  assert.equal(noticeSchema.parse({ ...least, what: 7 }).what, '7');
  assert.equal(noticeSchema.parse({ ...least, what: '' }).what, '');
});

test('a time that is none keeps nothing else from being told', () => {
  assert.equal(noticeSchema.parse({ ...least, since: 'soon' }).since, null);
  assert.equal(noticeSchema.parse({ ...least, since: '' }).since, null);
  assert.equal(noticeSchema.parse({ ...least, since: '2026-11-20T05:13:45+01:00' }).since, '2026-11-20T04:13:45.000Z');
});

test('title and subject are one line', () => {
  const { title, subject } = noticeSchema.parse({ ...least, title: ' a\r\nb\u2028c ', subject: 'x\ny' });
  assert.equal(title, 'a bc');
  assert.equal(subject, 'x y');
});

test('a long run of base64 is a task token and is not shown', () => {
  const token = `AAAAKgAAAAIAAAAAAAAAA${'x+/Y9'.repeat(100)}==`;
  const notice = noticeSchema.parse({
    ...least,
    what: `cause ${token} end`,
    todo: `lifeboat approve ${token}`,
    title: token,
  });
  assert.equal(notice.what, `cause [${token.length} characters left out] end`);
  assert.ok(!JSON.stringify(notice).includes(token.slice(0, 40)));
});

test('terminal escapes and marks of direction are not shown, line feeds and tabs are', () => {
  assert.equal(plainText('a\u001B[31mred\u0000\u202Eevil\u2066\tb\r\nc\rd', 100), 'a[31mredevil\tb\nc\nd');
});

test('cut text ends at a whole character', () => {
  assert.equal(clip('😀😀😀', 4), '😀…');
  assert.equal(clip('abc', 3), 'abc');
  assert.equal(clip('abcd', 3), 'ab…');
});

test('whatever is in it, a notice fits into an SNS message', () => {
  const any = fc.string({ unit: 'binary', maxLength: 100 }).map((text) => text.repeat(1_000));
  fc.assert(
    fc.property(any, any, any, (what, todo, title) => {
      const parsed = noticeSchema.safeParse({ ...least, what, todo, title, since: title, dedupe: todo, machine: what });
      if (!parsed.success) return parsed.error.issues[0]!.path[0] === 'title';
      const text = JSON.stringify(parsed.data);
      assert.ok(parsed.data.what.length <= noticeLimits.what && parsed.data.what.isWellFormed());
      return Buffer.byteLength(text) < 200 * 1024;
    }),
    { numRuns: 100 },
  );
});

test('what is printed reads back as the same', () => {
  const printed = printNotice({ ...least, todo: 'lifeboat backup' });
  assert.deepEqual(noticeSchema.parse(JSON.parse(printed)), JSON.parse(printed));
});
