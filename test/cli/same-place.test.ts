import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samePlace } from '#cli/same-place';

const given = { stack: undefined, region: undefined };
const here = { planPath: 'plan.yml', given, cwd: '/srv', environment: {} };
const daemon = { kind: 'daemon', state: undefined } as const;
const unit = { LIFEBOAT_PLAN: '/etc/lifeboat/plan.yml', LIFEBOAT_STATE: '/var/lib/lifeboat/state' };

test('where nothing was named nothing is named', () => {
  assert.deepEqual(samePlace(here, daemon), { before: '', behind: '' });
});

test('a state directory that the environment names is named in the command, which another terminal has not', () => {
  const place = samePlace({ ...here, planPath: unit.LIFEBOAT_PLAN, environment: unit }, daemon);
  assert.deepEqual(place, {
    before: 'LIFEBOAT_PLAN=/etc/lifeboat/plan.yml ',
    behind: ' --state /var/lib/lifeboat/state',
  });
});

test('what was given counts before it, and leads there from every directory', () => {
  const place = samePlace({ ...here, planPath: 'a b.yml', environment: unit }, { ...daemon, state: './own' });
  assert.deepEqual(place, { before: "LIFEBOAT_PLAN='/srv/a b.yml' ", behind: ' --state /srv/own' });
});

test('beside a stack no state directory is named: it would lead to a daemon', () => {
  const stacked = { ...here, given: { stack: 'prod', region: 'eu-west-1' }, environment: unit };
  const { behind } = samePlace(stacked, { kind: 'stack', state: undefined });
  assert.equal(behind, ' --stack prod --region eu-west-1');
});
