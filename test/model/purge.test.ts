import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  begin,
  carriedOut,
  dayMs,
  factsOf,
  hasItsWal,
  type Life,
  lives,
  type Restorable,
  restorable,
  storedBy,
} from '#harness/backup-history';
import fc from '#harness/fast-check';
import { type BackupId, backupId } from '#model/backup-id';
import { BackupParents } from '#model/backup-parents';
import { deletesMore } from '#model/deletes-more';
import { purgeInWords } from '#model/describe-purge';
import { describeRetention } from '#model/describe-retention';
import { dumpId } from '#model/dump-id';
import { lsn } from '#model/lsn';
import { planAgain } from '#model/plan-again';
import { planPurge } from '#model/purge';
import { retentionHash } from '#model/retention';
import type { BackupFact, DumpFact, RetentionFacts, Unreadable } from '#model/retention-facts';
import { type RetentionPlan, retentionPlanSchema } from '#model/retention-record';

const why = 'it is retired';
const picks = fc.array(fc.nat(1000), { maxLength: 2 });

/** A life, an instant of it, and what is held, asked about, locked and unreadable then. */
const scenes = fc
  .record({ life: lives, when: fc.integer({ min: 0, max: 120 }), lockDays: fc.constantFrom(0, 0, 3, 14) })
  .chain(({ life, when, lockDays }) => {
    const now = new Date(begin + ((life.end.getTime() - begin) * when) / 100);
    const there = life.backups.filter(({ finishedAt }) => finishedAt <= now);
    const some = picks.map((chosen) => (there.length === 0 ? [] : chosen.map((pick) => there[pick % there.length]!)));
    return fc.record({ held: some, asked: some, unreadable: some }).map((chosen) => {
      const unread = new Set<string>(chosen.unreadable.map(({ id }) => id));
      const more: Partial<RetentionFacts> = {
        lockDays,
        held: chosen.held.map(({ id }) => ({ id, reason: 'audit' })),
        asked: chosen.asked.map(({ id }) => ({ execution: 'arn', ids: [id] })),
        unreadable: [...new Set(chosen.unreadable)].map(asUnreadable),
        backups: there.filter(({ id }) => !unread.has(id)),
      };
      return { life, now, more, facts: factsOf(life, now, more) };
    });
  });
type Scene = typeof scenes extends fc.Arbitrary<infer S> ? S : never;

const asUnreadable = ({ id, startedAt }: BackupFact): Unreadable => ({ id, startedAt, why: 'cut off' });
const goneIds = (plan: RetentionPlan): Set<string> => new Set(plan.goes.map(({ id }) => id));

function holds(what: string, check: (scene: Scene & { plan: RetentionPlan; after: Life }) => void, numRuns = 400) {
  test(what, () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const plan = planPurge(scene.facts, why, scene.now);
        check({ ...scene, plan, after: carriedOut(scene.life, plan, scene.now) });
      }),
      { numRuns },
    );
  });
}

describe('of whatever a source has lived through, a purge', () => {
  holds('leaves what is held, asked about, too young or unreadable', ({ facts, plan, now }) => {
    const gone = goneIds(plan);
    const named = [...facts.held.map(({ id }) => id), ...facts.asked.flatMap(({ ids }) => ids)];
    for (const id of [...named, ...facts.unreadable.map((one) => one.id)]) assert.ok(!gone.has(id), id);
    if (facts.lockDays === 0) return;
    const youngSince = now.getTime() - facts.lockDays * dayMs;
    for (const { id, finishedAt } of facts.backups) if (finishedAt.getTime() >= youngSince) assert.ok(!gone.has(id));
  });

  holds(
    'leaves all that something which stays builds on, and may be what an unreadable one does',
    ({ facts, plan, life }) => {
      const gone = goneIds(plan);
      const parents = new BackupParents(life.backups);
      for (const backup of life.backups.filter(
        ({ finishedAt, id }) => finishedAt <= new Date(plan.at) && !gone.has(id),
      ))
        for (const { id } of parents.chainOf(backup)) assert.ok(!gone.has(id), `${id} of ${backup.id}`);
      assert.ok(facts.backups.length === gone.size + plan.keeps.length - facts.unreadable.length);
    },
  );

  holds(
    'leaves the WAL that they need to become consistent, of the unreadable ones as well',
    ({ life, after, now }) => {
      for (const backup of after.backups.filter(({ finishedAt }) => finishedAt <= now))
        if (hasItsWal(life, backup, now)) assert.ok(hasItsWal(after, backup, now), backup.id);
    },
  );

  holds('leaves every instant to which a restore leads that is asked about', ({ facts, life, after, now }) => {
    for (const asked of facts.backups.filter(({ id }) => facts.asked.some(({ ids }) => ids.includes(id)))) {
      const only = (left: Life) => restorable({ ...left, backups: [asked] }, now);
      assertSame(only(life), only(after), asked.at.getTime());
    }
  });

  holds('leaves nothing else: no backup, and no WAL that was stored by then', ({ life, facts, plan, after, now }) => {
    const bare = planPurge({ ...facts, held: [], asked: [], unreadable: [], lockDays: 0 }, why, now);
    assert.deepEqual(bare.keeps, []);
    assert.equal(bare.goes.length, facts.backups.length);
    assert.deepEqual(
      carriedOut(life, bare, now).pieces.filter((piece) => storedBy(life, now).includes(piece)),
      [],
    );
    const rules = new Set(plan.keeps.flatMap((kept) => kept.rules));
    const allowed = new Set(['held', 'asked about', 'too young', 'unreadable', 'parent']);
    assert.deepEqual([...rules.difference(allowed)], []);
    assert.ok(after.pieces.length <= life.pieces.length);
  });

  holds('planned again once it was carried out, removes nothing more', ({ after, now, more, plan }) => {
    const gone = goneIds(plan);
    const left = more.backups!.filter(({ id }) => !gone.has(id));
    const again = planPurge(factsOf(after, now, { ...more, backups: left }), why, now);
    assert.deepEqual(again.goes, []);
    assert.equal(carriedOut(after, again, now).pieces.length, after.pieces.length);
    assert.deepEqual(deletesMore({ ...plan, goes: [] }, again), []);
  });

  holds(
    'is a plan that can be stored, whose hash says that it is one, and why',
    ({ plan }) => {
      const read = retentionPlanSchema.parse(JSON.parse(JSON.stringify(plan)));
      assert.deepEqual(read, plan);
      assert.equal(retentionHash(read), plan.hash);
      const { purge: _, ...unsaid } = read;
      assert.notEqual(retentionHash(unsaid), plan.hash);
      assert.notEqual(retentionHash({ ...read, reason: 'another' }), plan.hash);
    },
    50,
  );
});

function assertSame(before: Restorable[], after: Restorable[], since: number): void {
  for (const { timeline, from, to } of before.filter((one) => one.to > since)) {
    const start = Math.max(from, since);
    const still = after.some((one) => one.timeline === timeline && one.from <= start && one.to >= to);
    assert.ok(still, `${timeline} ${new Date(start).toISOString()}..${new Date(to).toISOString()}`);
  }
}

const now = new Date('2026-11-20T12:00:00Z');
const daysAgo = (days: number): Date => new Date(now.getTime() - days * dayMs);
const mib = 1n << 20n;

function backup(days: number, more: Partial<BackupFact> = {}): BackupFact {
  const at = daysAgo(days);
  const start = BigInt(10_000 - days * 10) * mib;
  return {
    ...{ id: backupId(at, more.parent ? 'incr' : 'full'), parent: null, startedAt: at, at, finishedAt: at },
    ...{ state: 'committed', storedBytes: 100, systemId: '1', segmentSize: Number(mib), timeline: 1, leadsTo: now },
    ...{ startLsn: lsn(start + 0x28n), stopLsn: lsn(start + 0x100n) },
    ...more,
  };
}

const facts = (backups: BackupFact[], more: Partial<RetentionFacts> = {}): RetentionFacts => ({
  ...{ source: 'orders', timezone: 'UTC', lockDays: 0, dumps: [], bestDump: 'proven', leftovers: [], unreadable: [] },
  ...{ held: [], asked: [], systems: [{ systemId: '1', timelines: [{ timeline: 1, path: null, storedAt: now }] }] },
  backups,
  ...more,
});
const dump = (days: number): DumpFact => ({
  ...{ id: dumpId(daysAgo(days), 'dump'), kind: 'dump', state: 'committed', storedBytes: 7 },
  ...{ startedAt: daysAgo(days), at: daysAgo(days), finishedAt: daysAgo(days) },
});

describe('a purge', () => {
  test('takes dumps, and what was never committed, however young; not what somebody may be writing', () => {
    const [left, busy] = [backupId(daysAgo(0.1), 'full'), backupId(daysAgo(0.01), 'full')] as BackupId[];
    const leftovers = [
      { id: left!, startedAt: daysAgo(0.1), busy: false },
      { id: busy!, startedAt: daysAgo(0.01), busy: true },
    ];
    const plan = planPurge(facts([backup(1)], { dumps: [dump(1), dump(0)], leftovers }), why, now);
    assert.deepEqual(
      plan.goes.map(({ what }) => what),
      ['backup', 'dump', 'dump', 'leftover'],
    );
    assert.ok(plan.notes.some((note) => note.startsWith(`${busy} stays, never committed`)));
  });

  test('tells what goes, what stays and why, and what can no longer be restored', () => {
    const [old, held] = [backup(9), backup(5)];
    const given = facts([old, held, backup(1)], { held: [{ id: held.id, reason: 'audit 2026' }] });
    const plan = planPurge(given, why, now);
    const told = describeRetention(plan);
    assert.match(told, /^purge plan [0-9a-f]{12} for orders: everything of it\n {2}reason {7}it is retired\n/);
    assert.match(
      told,
      /\n {2}goes {9}2 backups: 200 B\n {2}WAL {10}of system 1 all, stored before .*, but what 1 older backup needs\n/,
    );
    assert.match(told, /\n {2}stays {8}1 backup \(held 1\)\n/);
    assert.match(told, new RegExp(`restorable   ${old.at.toISOString()} to ${now.toISOString()}`));
    assert.match(told, new RegExp(`afterwards   ${held.at.toISOString()}\n`));
    assert.ok(plan.notes.includes(`${held.id} stays, since it is held: audit 2026`));
    assert.equal(
      purgeInWords(plan, { pieces: 2, chunks: 0, bytes: 10 }),
      '2 backups: 200 B, and 2 pieces of WAL: 10 B',
    );
    assert.equal(purgeInWords(planPurge(facts([]), why, now), { pieces: 0, chunks: 0, bytes: 0 }), null);
  });

  test('removes nothing while a restore is asked about that does not say of what', () => {
    const plan = planPurge(facts([backup(9), backup(1)], { asked: [{ execution: 'arn', ids: [] }] }), why, now);
    assert.deepEqual(plan.goes, []);
  });

  test('made again has to leave what came since, with what it builds on and its WAL', () => {
    const old = facts([backup(9)]);
    const shown = planPurge(old, why, now);
    const rules = () => assert.fail('a purge has no rules');
    assert.deepEqual(deletesMore(shown, planAgain(shown, old, rules)), []);
    const incr = backup(-0.1, { parent: old.backups[0]!.id });
    assert.deepEqual(deletesMore(shown, planAgain(shown, facts([...old.backups, incr]), rules)), [
      `backup ${old.backups[0]!.id}`,
      'WAL of system 1',
    ]);
    // also where the clock of who took it was behind
    const late = facts([...old.backups, backup(0.1)]);
    assert.deepEqual(deletesMore(shown, planAgain(shown, late, rules)), ['WAL of system 1']);
    const dumped = facts(old.backups, { dumps: [dump(0)] });
    assert.deepEqual(deletesMore(shown, planAgain(shown, dumped, rules)), []);
  });
});
