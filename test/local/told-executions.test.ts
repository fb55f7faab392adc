import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Engine } from '#local/engine';
import { Refusal } from '#local/refusal';
import { ToldExecutions } from '#local/told-executions';
import { EngineScene, until } from './engine-scene.ts';

describe('a child of a Map, by its ARN alone', { timeout: 60_000 }, () => {
  let scene: EngineScene;
  let engine: Engine;
  before(async () => {
    scene = await EngineScene.make();
    engine = await scene.engine();
  });
  after(() => scene.remove());

  async function begun(seconds: number): Promise<{ arn: string; run: string; child: string }> {
    const { arn } = await engine.executions.start({ machine: 'apart', input: { items: [seconds] } });
    const told = new ToldExecutions(engine.executions);
    let run = '';
    await until(async () => {
      const events = await told.history(arn);
      run = String(events.find(({ type }) => type === 'MapRunStarted')?.mapRunStartedEventDetails?.mapRunArn ?? '');
      return run !== '' && (await told.childrenOf(run)).length === 1;
    });
    return { arn, run, child: (await told.childrenOf(run))[0]!.arn };
  }

  test('is found while its execution runs, by a process that never saw it', async () => {
    const others = await Promise.all([begun(300), begun(300)]);
    for (const { arn, run, child } of others) {
      const told = new ToldExecutions(engine.executions);
      assert.deepEqual(
        (await told.history(child)).map(({ type }) => type),
        ['ExecutionStarted', 'WaitStateEntered'],
      );
      assert.deepEqual([(await told.child(child)).input, (await told.childrenOf(run))[0]!.arn], [300, child]);
      await engine.executions.stop(arn);
    }
  });

  test('is found after its end once somebody has looked at its execution, and not before', async () => {
    const { arn, run, child } = await begun(0);
    await engine.executions.ended(arn);
    const told = new ToldExecutions(engine.executions);
    const refused = (type: string) => (failure: unknown) => failure instanceof Refusal && failure.type === type;
    await assert.rejects(told.child(child), refused('ExecutionDoesNotExist'));
    await assert.rejects(told.childrenOf(run), refused('ResourceNotFound'));
    await told.history(arn);
    assert.equal((await told.child(child)).status, 'SUCCEEDED');
    assert.equal((await told.childrenOf(run)).length, 1);
  });

  test('is found among the last eight executions that somebody looked at', async () => {
    const told = new ToldExecutions(engine.executions);
    const ended = [];
    for (let number = 0; number < 9; number++) {
      const one = await begun(0);
      await engine.executions.ended(one.arn);
      await told.history(one.arn);
      ended.push(one);
    }
    await assert.rejects(told.child(ended[0]!.child), Refusal);
    for (const { child } of ended.slice(1)) assert.equal((await told.child(child)).arn, child);
  });
});
