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
import { deletesMore } from '#model/deletes-more';
import { pastWal } from '#model/past-wal';
import { planRetention, retentionHash } from '#model/retention';
import type { BackupFact } from '#model/retention-facts';
import { type RetentionPlan, retentionPlanSchema } from '#model/retention-record';
import type { RetentionRules } from '#model/retention-rules';

const few = fc.integer({ min: 0, max: 4 });
const someRules: fc.Arbitrary<RetentionRules> = fc
  .tuple(fc.integer({ min: 1, max: 20 }), few, few, few, few)
  .map(([windowDays, daily, weekly, monthly, yearly]) => ({ windowDays, daily, weekly, monthly, yearly }));
const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu');

/** A life, an instant of it (or before or after it), rules and what else may be known. */
const scenes = fc
  .record({
    life: lives,
    rules: someRules,
    when: fc.integer({ min: -10, max: 120 }),
    timezone: zones,
    lockDays: fc.constantFrom(0, 0, 3, 14),
    held: fc.array(fc.nat(1000), { maxLength: 2 }),
  })
  .map(({ life, rules, when, timezone, lockDays, held }) => {
    const now = new Date(begin + ((life.end.getTime() - begin) * when) / 100);
    const reality = new Date(Math.max(now.getTime(), life.end.getTime() * Number(when < 30)));
    const ids = life.backups.map(({ id }) => id);
    const more = {
      timezone,
      lockDays,
      held: ids.length === 0 ? [] : held.map((pick) => ({ id: ids[pick % ids.length]!, reason: 'audit' })),
    };
    // below 30 the clock is behind: what is stored was stored after it
    return { life, rules, now, reality, more, facts: factsOf(life, reality, more) };
  });
type Scene = typeof scenes extends fc.Arbitrary<infer S> ? S : never;

const goneIds = (plan: RetentionPlan): Set<string> => new Set(plan.goes.map(({ id }) => id));

function holds(
  what: string,
  check: (scene: Scene & { plan: RetentionPlan; after: Life }) => void,
  numRuns = 400,
): void {
  test(what, () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const plan = planRetention(scene.facts, scene.rules, scene.now);
        check({ ...scene, plan, after: carriedOut(scene.life, plan, scene.reality) });
      }),
      { numRuns },
    );
  });
}

describe('of whatever a source has lived through', () => {
  holds('the last proven backup stays, and where none is proven they all do', ({ facts, plan }) => {
    const proven = facts.backups.filter(({ state }) => state === 'proven');
    const last = proven.reduce<BackupFact | undefined>((a, b) => (a && a.at >= b.at ? a : b), undefined);
    if (last) assert.ok(!goneIds(plan).has(last.id));
    else assert.deepEqual([...goneIds(plan)], []);
  });

  holds('what stays has all that it builds on', ({ facts, plan }) => {
    const gone = goneIds(plan);
    const there = new Set<string>(facts.backups.map(({ id }) => id));
    for (const { id, parent } of facts.backups)
      if (!gone.has(id) && parent !== null && there.has(parent)) assert.ok(!gone.has(parent), `${parent} of ${id}`);
  });

  holds(
    'every instant of the window that could be restored before can be restored after',
    (scene) => {
      const { life, after, plan, now, reality } = scene;
      assertNothingLost(restorable(life, reality), restorable(after, reality), Date.parse(plan.windowStart), now);
    },
    1500,
  );

  holds('a backup that stays keeps the WAL that it needs to become consistent', ({ life, after, plan, reality }) => {
    const kept = new Set<string>(plan.keeps.map(({ id }) => id));
    for (const backup of after.backups.filter(({ id }) => kept.has(id)))
      if (hasItsWal(life, backup, reality)) assert.ok(hasItsWal(after, backup, reality), backup.id);
  });

  holds('nothing goes that is younger than the lock', ({ facts, plan, life, reality, now }) => {
    const youngSince = now.getTime() - facts.lockDays * dayMs;
    const gone = goneIds(plan);
    if (facts.lockDays === 0) return;
    for (const { id, finishedAt } of facts.backups) if (gone.has(id)) assert.ok(finishedAt.getTime() < youngSince);
    for (const rule of plan.wal) {
      const own = storedBy(life, reality).filter(({ systemId }) => systemId === rule.systemId);
      for (const piece of own)
        if (pastWal(rule)(piece, piece.storedAt)) assert.ok(piece.storedAt.getTime() < youngSince);
    }
    assert.ok(Date.parse(plan.chunksBefore) <= youngSince);
  });

  holds('planned again once it was carried out, nothing more goes', ({ after, rules, now, reality, more }) => {
    const again = planRetention(factsOf(after, reality, more), rules, now);
    assert.deepEqual(again.goes, []);
    const left = carriedOut(after, again, reality);
    assert.equal(left.pieces.length, after.pieces.length);
  });

  holds(
    'one more hold lets nothing go that would have stayed',
    (scene) => {
      const { facts, rules, now, plan, life, after, reality } = scene;
      for (const { id } of facts.backups) {
        const holding = { ...facts, held: [...facts.held, { id, reason: 'more' }] };
        const more = planRetention(holding, rules, now);
        assert.ok(!goneIds(more).has(id));
        for (const gone of goneIds(more)) assert.ok(goneIds(plan).has(gone), `${gone} goes since ${id} is held`);
        const left = new Set(carriedOut(life, more, reality).pieces);
        for (const piece of after.pieces) assert.ok(left.has(piece));
        assert.deepEqual(deletesMore(more, plan), []);
      }
    },
    60,
  );

  holds('nothing that is asked about goes, nor the WAL behind it', (scene) => {
    const { facts, rules, now, life, reality } = scene;
    const asked = facts.backups[Math.floor(facts.backups.length / 2)];
    if (!asked) return;
    const plan = planRetention({ ...facts, asked: [{ execution: 'arn', ids: [asked.id] }] }, rules, now);
    const after = carriedOut(life, plan, reality);
    assertNothingLost(
      restorable({ ...life, backups: [asked] }, reality),
      restorable({ ...after, backups: [asked] }, reality),
      asked.at.getTime(),
      reality,
    );
    const any = planRetention({ ...facts, asked: [{ execution: 'arn', ids: [] }] }, rules, now);
    assert.deepEqual(any.goes, []);
  });

  holds(
    'done every few days, it loses no instant of any window either',
    ({ life, rules, more }) => {
      let left = life;
      for (let at = begin; at < life.end.getTime() + 30 * dayMs; at += 3.5 * dayMs) {
        const now = new Date(at);
        const plan = planRetention(factsOf(left, now, more), rules, now);
        const after = carriedOut(left, plan, now);
        assertNothingLost(restorable(left, now), restorable(after, now), Date.parse(plan.windowStart), now);
        left = after;
      }
    },
    150,
  );

  holds(
    'the plan is one that can be stored, and names what it is by its hash',
    ({ plan }) => {
      const read = retentionPlanSchema.parse(JSON.parse(JSON.stringify(plan)));
      assert.deepEqual(read, plan);
      assert.equal(retentionHash(read), plan.hash);
      assert.notEqual(retentionHash({ ...read, source: 'others' }), plan.hash);
    },
    50,
  );
});

function assertNothingLost(before: Restorable[], after: Restorable[], since: number, now: Date): void {
  for (const { timeline, from, to } of before) {
    if (to <= since || from > now.getTime()) continue;
    const start = Math.max(from, since);
    const still = after.some((one) => one.timeline === timeline && one.from <= start && one.to >= to);
    const shown = after.filter((one) => one.timeline === timeline).map((one) => `${iso(one.from)}..${iso(one.to)}`);
    assert.ok(still, `${timeline} ${iso(start)}..${iso(to)} is not in ${shown.join(', ') || 'nothing'}`);
  }
}

const iso = (at: number): string => new Date(at).toISOString();
