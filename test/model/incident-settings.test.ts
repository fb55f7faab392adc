import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contactChannel, incidentDefaults } from '#model/incident-settings';
import { type Plan, parsePlan } from '#model/plan';
import { plannedSchedules } from '#model/planned-schedules';

const mail = 'notifications: [{ kind: email, from: a@example.org, to: [b@example.org], smtp: { host: mail } }]\n';

const planOf = (incidents: string, notifications = mail): Plan =>
  parsePlan(
    `bucket: /b\nencryption: none\nsources: { orders: { connection: { host: db, user: lifeboat } } }\n${notifications}${incidents}`,
    'plan.yml',
  );

const refused = (incidents: string, says: RegExp, notifications?: string) =>
  assert.throws(() => planOf(incidents, notifications), says);

describe('what a plan says of incidents', () => {
  test('may be nothing more than that there are some: four severities, and an update every half hour', () => {
    assert.deepEqual(planOf('incidents: {}').incidents, incidentDefaults);
    const hours = Object.values(incidentDefaults.severities).map(({ rtoMs }) => rtoMs / 3_600_000);
    assert.deepEqual(hours, [1, 2, 4, 8]);
  });

  test('changes a part of a severity and leaves the rest', () => {
    const { severities, updateEveryMs } = planOf('incidents: { updateEvery: 10m, severities: { SEV2: { rto: 90m } } }')
      .incidents!;
    assert.deepEqual(severities, {
      ...incidentDefaults.severities,
      SEV2: { ...incidentDefaults.severities.SEV2, rtoMs: 5_400_000 },
    });
    assert.equal(updateEveryMs, 600_000);
  });

  test('names contacts with a place of their own, mail through the server of the plan', () => {
    const { incidents, notifications } = planOf(
      'incidents: { contacts: [{ name: Ada, email: ada@example.org }, { name: Grace, slack: "env:GRACE", after: 15m }] }',
    );
    const [ada, grace] = incidents!.contacts;
    assert.deepEqual([ada!.afterMs, grace!.afterMs], [0, 900_000]);
    const channel = contactChannel(ada!, notifications);
    assert.ok(channel?.kind === 'email');
    assert.deepEqual([channel.to, channel.smtp?.host], [['ada@example.org'], 'mail']);
    assert.deepEqual(contactChannel(grace!, notifications), {
      ...{ kind: 'slack', webhook: { from: 'env', name: 'GRACE' }, on: ['failure', 'question'] },
    });
  });

  test('is refused with what is wrong', () => {
    const contacts = (list: string) => `incidents: { contacts: [${list}] }`;
    refused(contacts('{ name: Ada }'), /contacts\[0\].*exactly one of email, slack, webhook and sns/);
    refused(contacts('{ name: Ada, email: a@b.c, slack: "env:A" }'), /exactly one of email, slack, webhook and sns/);
    refused(contacts('{ name: Ada, email: a@b.c }'), /email.*no notification of kind email/, '');
    refused(contacts('{ name: Ada, email: a@b.c }, { name: Ada, email: a@b.d }'), /another name/);
    const late = '{ name: Ada, email: a@b.c, after: 10m }, { name: Grace, email: a@b.d, after: 5m }';
    refused(contacts(late), /contacts\[1\]\.after.*called in this order/);
    refused(contacts('{ name: Ada, email: a@b.c, after: soon }'), /after.*0m/);
    refused(contacts('{ name: Ada, email: a@b.c, for: [SEV0] }'), /SEV1, SEV2, SEV3, SEV4/);
    refused(contacts('{ name: Ada, slack: "https://hooks.example.org/secret" }'), /^(?!.*hooks\.example)/s);
    refused('incidents: { severities: { SEV5: {} } }', /SEV5/);
    refused('incidents: { severities: { SEV1: { rto: never } } }', /rto.*whole number and a unit/);
  });

  test('is looked at every minute, and only where there is something', () => {
    const functions = (plan: Plan) =>
      plannedSchedules(plan).flatMap(({ target }) => ('function' in target ? [target.function] : []));
    assert.ok(functions(planOf('incidents: {}')).includes('tell-incidents'));
    assert.ok(!functions(planOf('')).includes('tell-incidents'));
  });
});
