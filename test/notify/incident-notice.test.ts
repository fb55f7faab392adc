import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type IncidentDeed, type IncidentEntry, incidentOf } from '#model/incident';
import type { DueMessage } from '#model/incident-messages';
import { incidentDefaults } from '#model/incident-settings';
import { noticeSchema } from '#model/notice';
import { incidentNotice } from '#notify/incident-notice';
import { incidentPage } from '#notify/incident-page';

const at = (time: string): string => `2026-11-20T${time}.000Z`;

function incident(...said: [by: string, time: string, IncidentDeed][]) {
  const opening: IncidentDeed = {
    ...{ deed: 'opened', title: 'Orders cannot be placed', source: 'orders', impact: 'the shop takes no orders' },
    ...{ severity: { name: 'SEV1', rtoMs: 3_600_000, procedure: 'restore the newest backup' } },
    ...{ measuredRtoMs: 720_000, isPublic: true },
  };
  const all: [string, string, IncidentDeed][] = [['grace', '03:00:00', opening], ...said];
  return incidentOf(
    all.map(
      ([by, time, one], index): IncidentEntry => ({
        ...{ format: 'lifeboat-incident/1', incident: '20261120-4f2a', number: index + 1, by, at: at(time), said: one },
      }),
    ),
  );
}

const update = (message: string, publicMessage: string | null = null): IncidentDeed => ({
  ...{ deed: 'updated', message, publicMessage, severity: null },
});
const resolved: IncidentDeed = { deed: 'resolved', message: 'Restored to 02:58.', publicMessage: 'Orders work again.' };

type Message = DueMessage['message'];
const noticeOf = (known: ReturnType<typeof incident>, message: Message, time: string) =>
  noticeSchema.parse(incidentNotice(known, { message }, incidentDefaults, new Date(at(time))));
const pageOf = (known: ReturnType<typeof incident>, message: Message, time: string) =>
  incidentPage(known, { message }, incidentDefaults, new Date(at(time)));

describe('people are told', () => {
  test('at the start what is affected, since when, what is done, when it should work, and when there is more', () => {
    const { title, what, since, todo, subject, occasion } = noticeOf(incident(), { kind: 'start' }, '03:00:01');
    assert.deepEqual(
      [occasion, subject, title, since],
      ['failure', 'orders', 'SEV1 Orders cannot be placed: started', at('03:00:00')],
    );
    assert.equal(
      what,
      `Incident 20261120-4f2a (SEV1) was opened by grace.

Affected: orders: the shop takes no orders
Being done: restore the newest backup
Expected recovery: by 2026-11-20 04:00:00 UTC (SEV1 promises 1h)
Measured: drills say that a recovery takes about 12m.
Run by: nobody yet: it is not acknowledged
Next update: by 2026-11-20 03:30:00 UTC`,
    );
    assert.equal(todo, 'lifeboat incident ack 20261120-4f2a');
  });

  test('in an update what is new, all of that again, and how late it is', () => {
    const known = incident(['Ada', '03:05:00', { deed: 'acknowledged' }], ['Ada', '04:10:00', update('60% is there')]);
    const { title, what, todo } = noticeOf(known, { kind: 'update' }, '04:10:00');
    assert.equal(title, 'SEV1 Orders cannot be placed: update 1');
    assert.match(what, /^Ada reports of incident 20261120-4f2a \(SEV1\):\n\n60% is there\n/);
    assert.match(
      what,
      /Expected recovery: it was due by 2026-11-20 04:00:00 UTC \(SEV1 promises 1h\), and is late by 10m/,
    );
    assert.match(what, /Run by: Ada\nNext update: by 2026-11-20 04:40:00 UTC$/);
    assert.equal(todo, null);
  });

  test('at the end what was done, how long it lasted, and whether the promise was kept', () => {
    const known = incident(['Ada', '03:50:00', resolved]);
    const notice = noticeOf(known, { kind: 'resolution', called: [] }, '03:50:00');
    assert.deepEqual([notice.occasion, notice.recovered], ['success', true]);
    assert.match(notice.title, /resolved after 50m$/);
    assert.match(notice.what, /Restored to 02:58\.[\s\S]*Promised: 1h \(SEV1\), kept\.$/);
    const late = noticeOf(incident(['Ada', '04:03:00', resolved]), { kind: 'resolution', called: [] }, '04:03:00');
    assert.match(late.what, /missed by 3m\.$/);
  });

  test('by their name that they are called, and that people wait for them, with the command that comes next', () => {
    const contact = { name: "Ada O'Neil", reach: { kind: 'email', to: 'a@b.c' }, afterMs: 0, for: [] } as const;
    const called = noticeOf(incident(), { kind: 'call', contact: { ...contact, for: [] } }, '03:00:01');
    assert.match(called.title, /: Ada O'Neil, nobody has acknowledged$/);
    assert.equal(called.todo, "lifeboat incident ack 20261120-4f2a --as 'Ada O'\\''Neil'");
    const known = incident(['Ada', '03:05:00', { deed: 'acknowledged' }]);
    const reminded = noticeOf(known, { kind: 'reminder', quietMs: 1_860_000 }, '03:31:00');
    assert.match(reminded.title, /: Ada, an update is due$/);
    assert.match(reminded.what, /^Nobody was told anything for 31m, since it started\./);
  });

  test('who runs it and that nobody else is called, with the command of whoever knows better', () => {
    const known = incident(['Mallory', '03:05:00', { deed: 'acknowledged' }]);
    const notice = noticeOf(known, { kind: 'acknowledgement', called: [] }, '03:05:01');
    assert.match(notice.title, /: Mallory runs it$/);
    assert.match(notice.what, /^Mallory acknowledged incident 20261120-4f2a at 2026-11-20 03:05:00 UTC, and runs it:/);
    assert.equal(notice.todo, 'lifeboat incident ack 20261120-4f2a --take-over');
    assert.equal(pageOf(known, { kind: 'acknowledgement', called: [] }, '03:05:01'), undefined);
  });

  test('under one key, so that all of an incident is one conversation', () => {
    const known = incident(['Ada', '03:50:00', resolved]);
    const kinds: Message[] = [{ kind: 'start' }, { kind: 'resolution', called: [] }, { kind: 'reminder', quietMs: 1 }];
    const keys = kinds.map((message) => noticeOf(known, message, '03:50:00').dedupe);
    assert.deepEqual(new Set(keys), new Set(['incident 20261120-4f2a']));
  });
});

describe('everybody may read', () => {
  test('title, impact and times, and neither who, nor how, nor what is for colleagues', () => {
    const secrets = /grace|Ada|restore the newest|60%|02:58/;
    const known = incident(['Ada', '03:10:00', update('60% is there')], ['Ada', '03:50:00', resolved]);
    const told: Message[] = [{ kind: 'start' }, { kind: 'update' }, { kind: 'resolution', called: [] }];
    const pages = told.map((message) => pageOf(known, message, '03:20:00'));
    assert.doesNotMatch(JSON.stringify(pages), secrets);
    assert.deepEqual(pages[1], {
      deed: 'update',
      key: pages[0] && 'key' in pages[0] ? pages[0].key : '',
      name: 'Orders cannot be placed',
      body: 'We are still working on it. Since 2026-11-20 03:00:00 UTC. Expected to work again by 2026-11-20 04:00:00 UTC. Next update by 2026-11-20 03:40:00 UTC.',
    });
    assert.match(JSON.stringify(pages[2]), /"body":"Orders work again\. It lasted 50m\."/);
  });

  test('the impact at first, and what was said for everybody', () => {
    assert.match(
      JSON.stringify(pageOf(incident(), { kind: 'start' }, '03:00:01')),
      /"the shop takes no orders\. Since/,
    );
    const known = incident(['Ada', '03:10:00', update('60% is there', 'Orders are coming back.')]);
    assert.match(JSON.stringify(pageOf(known, { kind: 'update' }, '03:10:00')), /"Orders are coming back\. Since/);
  });

  test('nothing of what is private, of calls and of reminders', () => {
    const known = { ...incident(), isPublic: false };
    assert.equal(pageOf(known, { kind: 'start' }, '03:00:01'), undefined);
    assert.equal(pageOf(incident(), { kind: 'reminder', quietMs: 1 }, '03:00:01'), undefined);
  });
});
