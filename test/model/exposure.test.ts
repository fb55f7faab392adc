import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ExposureFacts, measureExposure, type ServerState, type VerifiedReach } from '#model/exposure';
import { parseLsn } from '#model/lsn';

const at = (time: string): Date => new Date(`2026-11-20T${time}Z`);
const verified: VerifiedReach = { systemId: '7', timeline: 1, lsn: parseLsn('0/5000000'), asOf: at('05:00:00') };
const server = (flushed: string, clock = at('06:00:00'), more = {}): ServerState => ({
  state: 'reachable',
  systemId: '7',
  timeline: 1,
  flushed: parseLsn(flushed),
  clock,
  ...more,
});
const measure = (facts: Partial<ExposureFacts>) => measureExposure({ now: at('06:00:00'), verified, ...facts });
const minutes = (facts: Partial<ExposureFacts>) => {
  const { lossMs } = measure(facts);
  return lossMs === null ? null : lossMs / 60_000;
};

describe('what would be lost', () => {
  test('is what was committed since the last commit that is verified', () => {
    assert.equal(minutes({ server: server('0/5000100') }), 60);
    assert.equal(minutes({}), 60);
  });

  test('is nothing while the server has written nothing after it, however long ago that is', () => {
    assert.deepEqual(measure({ server: server('0/5000000', at('23:00:00')) }), {
      lossMs: 0,
      reason: 'everything up to 0/5000000 is stored and verified, and the server has written nothing after it',
    });
  });

  test('is not more than since the server was last seen with nothing after it', () => {
    assert.equal(minutes({ server: server('0/5000100'), coveredAt: at('05:59:00') }), 1);
    assert.equal(minutes({ server: server('0/5000100'), coveredAt: at('04:00:00') }), 60);
  });

  test('is measured by the server’s clock, which wrote the commit times', () => {
    assert.equal(minutes({ now: at('09:00:00'), server: server('0/5000100', at('05:10:00')) }), 10);
  });

  test('of a server that is ahead of its own commits’ clock is nothing, and says why', () => {
    const { lossMs, reason } = measure({ server: server('0/5000100', at('04:58:00')) });
    assert.equal(lossMs, 0);
    assert.match(reason, /its last commit is 2m ahead of the clock/);
  });

  test('of a server that cannot be reached is what it did until it was last seen', () => {
    const gone = (lastUp: Date | undefined): ServerState => ({ state: 'unreachable', why: 'ECONNREFUSED', lastUp });
    assert.equal(minutes({ server: gone(at('05:05:00')) }), 5);
    assert.equal(minutes({ server: gone(at('04:00:00')) }), 0);
    assert.equal(minutes({ server: gone(undefined) }), 60);
    assert.equal(minutes({ server: gone(at('05:05:00')), coveredAt: at('05:05:00') }), 0);
    assert.doesNotMatch(measure({ server: gone(at('04:00:00')) }).reason, /ahead/);
  });

  test('is everything without a backup that can be restored, or of another system', () => {
    assert.equal(minutes({ verified: undefined, server: server('0/5000000') }), null);
    const other = measure({ server: server('0/5000000', at('06:00:00'), { systemId: '8' }) });
    assert.deepEqual([other.lossMs, other.reason], [null, 'the server is system 8, what can be restored is system 7']);
  });

  test('on another timeline is not taken for covered', () => {
    assert.equal(minutes({ server: server('0/4000000', at('06:00:00'), { timeline: 2 }) }), 60);
  });
});
