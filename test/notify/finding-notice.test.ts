import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Finding, findingKinds } from '#model/finding';
import { noticeSchema } from '#model/notice';
import { endNotice, findingNotice } from '#notify/finding-notice';

const finding: Finding = {
  kind: 'receiver-still',
  source: 'main',
  since: '2026-11-20T05:00:00.000Z',
  what: 'nothing was stored for 10m',
  todo: 'lifeboat status --source main',
  dedupe: 'receiver-still main',
};
const now = new Date('2026-11-20T05:10:00Z');

for (const kind of findingKinds) {
  test(`${kind}: what is wrong, since when, and the command`, () => {
    const { format, title, machine, execution, ...notice } = noticeSchema.parse(findingNotice({ ...finding, kind }));
    const { kind: _, source: subject, ...said } = finding;
    assert.deepEqual(notice, { ...said, subject, occasion: 'failure', recovered: false });
    assert.ok(title.length > 5);
  });
}

test('"fine again" ends what was told with the same key', () => {
  const notice = noticeSchema.parse(endNotice(finding, now));
  assert.deepEqual([notice.occasion, notice.recovered, notice.dedupe], ['success', true, finding.dedupe]);
  assert.equal(notice.what, 'It is fine again after 10m.');
  assert.equal(notice.since, now.toISOString());
});
