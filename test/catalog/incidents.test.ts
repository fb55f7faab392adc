import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  addToIncident,
  followEntries,
  listIncidents,
  listOpenIncidents,
  openIncident,
  rebuildOpenIncidents,
} from '#catalog/incidents';
import { holdTelling, keepTold } from '#catalog/open-incidents';
import { acknowledgement, IncidentTaken, incidentOf, requireOpen } from '#model/incident';
import { openIncidentsKey } from '#store/bucket-layout';
import { createDirectoryStore } from '#store/directory-store';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function newStore() {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-incidents-'));
  folders.push(folder);
  return createDirectoryStore(folder);
}

const opening = {
  ...{ title: 'gone', source: null, impact: null, measuredRtoMs: null, isPublic: true },
  severity: { name: 'SEV1', rtoMs: 1, procedure: 'restore' },
} as const;
const said = (by: string) => ({ by, at: '2026-11-20T03:00:00.000Z' });

test('of many people who acknowledge at once one runs it, and each of the others learns who', async () => {
  const store = await newStore();
  const { incident: id } = await openIncident(store, opening, said('grace'));
  const people = Array.from({ length: 12 }, (_, index) => `person ${index}`);
  const outcomes = await Promise.allSettled(
    people.map((by) => addToIncident(store, id, said(by), (known) => acknowledgement(known, by, false))),
  );
  const won = people.filter((_, index) => outcomes[index]!.status === 'fulfilled');
  assert.equal(won.length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    assert.ok(outcome.reason instanceof IncidentTaken);
    assert.match(outcome.reason.message, new RegExp(`^${won[0]} runs incident ${id} since`));
  }
  const entries = await followEntries(store, id);
  assert.deepEqual(
    entries.map(({ number, said: { deed } }) => [number, deed]),
    [
      [1, 'opened'],
      [2, 'acknowledged'],
    ],
  );
  assert.equal(incidentOf(entries).acknowledged?.by, won[0]);
});

test('the same person says it again and nothing is added; another one takes over when that is said', async () => {
  const store = await newStore();
  const { incident: id } = await openIncident(store, opening, said('grace'));
  const acknowledge = (by: string, takesOver = false) =>
    addToIncident(store, id, said(by), (known) => acknowledgement(known, by, takesOver));
  await acknowledge('Ada');
  assert.equal((await acknowledge(' ada ')).entry, undefined);
  await assert.rejects(acknowledge('Edsger'), IncidentTaken);
  assert.equal((await acknowledge('Edsger', true)).incident.acknowledged?.by, 'Edsger');
});

test('what many say at once is all there, one behind the other; what comes after the end is refused', async () => {
  const store = await newStore();
  const { incident: id } = await openIncident(store, opening, said('grace'));
  const update = (message: string) =>
    addToIncident(store, id, said('grace'), (known) => {
      requireOpen(known);
      return { deed: 'updated', message, publicMessage: null, severity: null };
    });
  await Promise.all(Array.from({ length: 10 }, (_, index) => update(`${index}`)));
  const { updates } = incidentOf(await followEntries(store, id));
  assert.equal(new Set(updates.map(({ message }) => message)).size, 10);
  await addToIncident(store, id, said('Ada'), () => ({ deed: 'resolved', message: 'fine', publicMessage: null }));
  await assert.rejects(update('too late'), /Ada resolved it at/);
  await assert.rejects(
    addToIncident(store, '20260101-0000', said('x'), () => undefined),
    /the id of an incident/,
  );
});

test('ids that are taken already are not taken twice, and every incident is listed before it is there', async () => {
  const store = await newStore();
  const randoms = ['aaaa', 'aaaa', 'bbbb'];
  const open = () => openIncident(store, opening, said('grace'), () => randoms.shift()!);
  assert.deepEqual([(await open()).incident, (await open()).incident], ['20261120-aaaa', '20261120-bbbb']);
  const listed = (await listOpenIncidents(store)).map(({ incident }) => incident);
  assert.deepEqual(listed, await listIncidents(store));
});

test('the list of open ones is made anew from what was said, when somebody has deleted it', async () => {
  const store = await newStore();
  const { incident: id } = await openIncident(store, opening, said('grace'));
  const other = await openIncident(store, opening, said('grace'));
  await addToIncident(store, other.incident, said('Ada'), () => ({
    ...{ deed: 'resolved', message: 'fine', publicMessage: null },
  }));
  await store.delete(openIncidentsKey);
  assert.deepEqual(await listOpenIncidents(store), []);
  await rebuildOpenIncidents(store, new Date());
  assert.deepEqual(
    (await listOpenIncidents(store)).map(({ incident }) => incident),
    [id],
  );
});

test('one tells at a time: who was killed is waited for, a clock that was set back is not, and the late one keeps nothing', async () => {
  const store = await newStore();
  const { incident: id } = await openIncident(store, opening, said('grace'));
  const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 3, 0, second));
  assert.equal(await holdTelling(store, 'first', at(0)), true);
  assert.deepEqual(
    [await holdTelling(store, 'second', at(39)), await holdTelling(store, 'first', at(30))],
    [false, true],
  );
  assert.equal(await holdTelling(store, 'second', at(69)), false);
  assert.equal(await holdTelling(store, 'second', at(70)), true);
  const keep = (token: string) => keepTold(store, token, id, (known) => ({ ...known, told: [...known.told, token] }));
  assert.deepEqual([await keep('first'), await keep('second')], [false, true]);
  assert.deepEqual((await listOpenIncidents(store))[0]!.told, ['second']);
  assert.equal(await holdTelling(store, 'third', at(-3600)), true);
});
