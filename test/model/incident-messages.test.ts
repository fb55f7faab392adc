import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from '#harness/fast-check';
import { type Incident, type IncidentDeed, type IncidentEntry, incidentOf } from '#model/incident';
import { dueMessages } from '#model/incident-messages';
import { type IncidentContact, type IncidentSettings, incidentDefaults, severityNames } from '#model/incident-settings';
import { countOn, type IncidentWait } from '#model/incident-wait';

const minuteMs = 60_000;
const startMs = Date.parse('2026-11-20T03:00:00Z');

const contact = (name: string, afterMinutes: number, severities = [...severityNames]): IncidentContact => ({
  ...{ name, reach: { kind: 'email', to: `${name.toLowerCase()}@example.org` } },
  ...{ afterMs: afterMinutes * minuteMs, for: severities },
});

const opened: IncidentDeed = {
  ...{ deed: 'opened', title: 'orders are gone', source: 'orders', impact: null, measuredRtoMs: null, isPublic: true },
  severity: { name: 'SEV1', rtoMs: 3_600_000, procedure: 'restore' },
};

/** An incident that is looked at again and again, as by the clock; what is due is told at once. */
class Scene {
  readonly settings: IncidentSettings;
  readonly told: string[] = [];
  readonly entries: IncidentEntry[] = [];
  #wait: IncidentWait | undefined;

  constructor(contacts: IncidentContact[], said: IncidentDeed = opened) {
    this.settings = { ...incidentDefaults, contacts };
    this.say(said, 0);
  }

  say(said: IncidentDeed, atMs: number, by = 'grace'): void {
    const number = this.entries.length + 1;
    const at = new Date(startMs + atMs).toISOString();
    this.entries.push({ format: 'lifeboat-incident/1', incident: '20261120-4f2a', number, by, at, said });
  }

  get incident(): Incident {
    return incidentOf(this.entries);
  }

  /** What is told at that time: `start`, `call Ada`, … */
  look(atMs: number): string[] {
    this.#wait = countOn(this.#wait, this.incident, new Date(startMs + atMs));
    const due = dueMessages(this.incident, this.settings, this.#wait, new Set(this.told));
    this.told.push(...due.map(({ id }) => id));
    return due.map(({ message }) => (message.kind === 'call' ? `call ${message.contact.name}` : message.kind));
  }
}

const update: IncidentDeed = { deed: 'updated', message: 'it goes on', publicMessage: null, severity: null };
const acknowledged: IncidentDeed = { deed: 'acknowledged' };
const resolved: IncidentDeed = { deed: 'resolved', message: 'restored', publicMessage: null };
const people = [contact('Ada', 0), contact('Grace', 15), contact('Edsger', 30)];

describe('an incident', () => {
  test('is told once, its first contact called at once, the next ones when nobody has acknowledged in time', () => {
    const scene = new Scene(people);
    assert.deepEqual(scene.look(0), ['start', 'call Ada']);
    assert.deepEqual(scene.look(14 * minuteMs), []);
    assert.deepEqual(scene.look(15 * minuteMs), ['call Grace']);
    scene.say(acknowledged, 20 * minuteMs, 'Grace');
    assert.deepEqual(scene.look(29 * minuteMs), ['acknowledgement']);
    assert.deepEqual(scene.look(120 * minuteMs), ['reminder']);
  });

  test('that somebody acknowledges ends the calls, which is told, to whoever was called too, each time that it is another', () => {
    const scene = new Scene(people);
    scene.look(15 * minuteMs);
    scene.say(acknowledged, 16 * minuteMs, 'Mallory');
    const wait = countOn(undefined, scene.incident, new Date(startMs + 16 * minuteMs));
    const [due] = dueMessages(scene.incident, scene.settings, wait, new Set(scene.told));
    assert.ok(due?.message.kind === 'acknowledgement');
    assert.deepEqual(
      due.message.called.map(({ name }) => name),
      ['Ada', 'Grace'],
    );
    assert.deepEqual(scene.look(16 * minuteMs), ['acknowledgement']);
    assert.deepEqual(scene.look(17 * minuteMs), []);
    scene.say(acknowledged, 18 * minuteMs, 'Grace');
    assert.deepEqual(scene.look(18 * minuteMs), ['acknowledgement']);
  });

  test('that nobody looked at for hours is told once, and everybody whose time has come is called in order', () => {
    const scene = new Scene(people);
    assert.deepEqual(scene.look(5 * 60 * minuteMs), ['start', 'call Ada', 'call Grace', 'call Edsger', 'reminder']);
    assert.deepEqual(scene.look(5 * 60 * minuteMs), []);
  });

  test('has one reminder for each time that an update is due, until there is one', () => {
    const scene = new Scene([]);
    const at = (minute: number) => scene.look(minute * minuteMs);
    assert.deepEqual([at(0), at(29), at(30), at(31), at(60)], [['start'], [], ['reminder'], [], ['reminder']]);
    scene.say(update, 61 * minuteMs);
    assert.deepEqual([at(61), at(90), at(91)], [['update'], [], ['reminder']]);
  });

  test('of which several updates came at once tells the newest', () => {
    const scene = new Scene([]);
    scene.say(update, minuteMs);
    scene.say(update, 2 * minuteMs);
    assert.deepEqual(scene.look(3 * minuteMs), ['update']);
  });

  test('that is resolved tells that alone, and nothing after it', () => {
    const scene = new Scene(people);
    scene.say(resolved, minuteMs);
    assert.deepEqual(scene.look(60 * minuteMs), ['resolution']);
    assert.deepEqual(scene.look(600 * minuteMs), []);
  });

  test('tells its end to those who were called, and to no other contact', () => {
    const scene = new Scene(people);
    scene.look(16 * minuteMs);
    scene.say(resolved, 17 * minuteMs);
    const wait = countOn(undefined, scene.incident, new Date(startMs + 18 * minuteMs));
    const [due] = dueMessages(scene.incident, scene.settings, wait, new Set(scene.told));
    assert.ok(due?.message.kind === 'resolution');
    assert.deepEqual(
      due.message.called.map(({ name }) => name),
      ['Ada', 'Grace'],
    );
  });

  test('calls nobody for whom it is not bad enough, until it is', () => {
    const scene = new Scene([contact('Ada', 0), contact('Edsger', 0, ['SEV1'])], {
      ...(opened as IncidentDeed & { deed: 'opened' }),
      severity: { name: 'SEV3', rtoMs: 1, procedure: 'look' },
    });
    assert.deepEqual(scene.look(0), ['start', 'call Ada']);
    scene.say({ ...update, severity: { name: 'SEV1', rtoMs: 1, procedure: 'restore' } } as IncidentDeed, minuteMs);
    assert.deepEqual(scene.look(minuteMs), ['update', 'call Edsger']);
  });

  test('goes on when a clock is set back: what had passed stays passed, nobody is called twice, and the next one in time', () => {
    const scene = new Scene(people);
    scene.look(0);
    assert.deepEqual(scene.look(10 * minuteMs), []);
    const back = -24 * 60 * minuteMs;
    assert.deepEqual(scene.look(back), []);
    assert.deepEqual(scene.look(back + 4 * minuteMs), []);
    assert.deepEqual(scene.look(back + 5 * minuteMs), ['call Grace']);
  });

  test('calls nobody again when the contacts of the plan are sorted anew', () => {
    const scene = new Scene(people);
    scene.look(16 * minuteMs);
    scene.settings.contacts.reverse();
    assert.deepEqual(scene.look(17 * minuteMs), []);
  });
});

type Step = { wait: number } | { say: IncidentDeed };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -300, max: 90 }).map((wait): Step => ({ wait })) },
    { weight: 1, arbitrary: fc.constantFrom<Step>({ say: update }, { say: acknowledged }) },
    { weight: 1, arbitrary: fc.constantFrom<Step>({ say: resolved }) },
  ),
  { maxLength: 40 },
);

const callable = fc
  .array(fc.integer({ min: 0, max: 60 }), { maxLength: 5 })
  .map((after) => after.sort((a, b) => a - b).map((minutes, index) => contact(`Person ${index}`, minutes)));

describe('in any order of looks, words and clocks that are set', () => {
  test('nothing is told twice, contacts are called in order, acknowledging ends calls, and resolving ends everything', () => {
    fc.assert(
      fc.property(callable, steps, (contacts, sequence) => {
        const scene = new Scene(contacts);
        const called: string[] = [];
        let nowMs = 0;
        let ended = 0;
        for (const step of sequence) {
          if ('say' in step) {
            if (!scene.incident.resolved) scene.say(step.say, nowMs);
            continue;
          }
          nowMs += step.wait * minuteMs;
          const { acknowledged: isHeld, resolved: isOver } = scene.incident;
          const kinds = scene.look(nowMs);
          const calls = kinds.filter((kind) => kind.startsWith('call '));
          called.push(...calls);
          if (isHeld || isOver) assert.deepEqual(calls, []);
          if (isOver) assert.deepEqual(kinds, ended++ === 0 ? ['resolution'] : []);
          else assert.ok(!kinds.includes('resolution'));
        }
        assert.equal(new Set(scene.told).size, scene.told.length);
        assert.deepEqual(
          called,
          contacts.slice(0, called.length).map(({ name }) => `call ${name}`),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  test('where nobody acknowledges everybody is called once an hour was seen to pass, whatever the clocks did before', () => {
    fc.assert(
      fc.property(callable, fc.array(fc.integer({ min: -120, max: 60 }), { maxLength: 30 }), (contacts, waits) => {
        const scene = new Scene(contacts);
        let nowMs = 0;
        for (const wait of waits) {
          nowMs += wait * minuteMs;
          scene.look(nowMs);
        }
        for (let minute = 1; minute <= 61; minute++) scene.look(nowMs + minute * minuteMs);
        assert.equal(scene.told.filter((id) => id.includes('-call-')).length, contacts.length);
      }),
    );
  });
});
