import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDefinition } from '#local/check-definition';
import { hashDefinition, loadDefinition } from '#local/definition';
import type { Json } from '#local/integration';
import { machine, scope } from './engine-world.ts';

const pass = { Type: 'Pass', End: true };
const inner = (state: Json): Json => machine({ M: { Type: 'Map', ItemProcessor: scope({ I: state }), End: true } });

const refused: [string, Json, RegExp][] = [
  ['a text', 'x', /^the definition is not a JSON object$/],
  ['JSONPath', scope({ A: pass }), /^QueryLanguage is nothing: expected "JSONata" at the top of the machine$/],
  ['JSONPath by name', { QueryLanguage: 'JSONPath', ...scope({ A: pass }) }, /^QueryLanguage is "JSONPath"/],
  [
    'a JSONPath state',
    machine({ A: { ...pass, QueryLanguage: 'JSONPath' } }),
    /^state A: QueryLanguage is "JSONPath": only JSONata is run here$/,
  ],
  [
    'a JSONPath state within a map',
    inner({ ...pass, QueryLanguage: 'JSONPath' }),
    /^state M: ItemProcessor: state I: QueryLanguage/,
  ],
  ['no states', { QueryLanguage: 'JSONata', StartAt: 'A', States: {} }, /^States is not an object with a state in it$/],
  ['a start that is no state', machine({ A: pass }, { StartAt: 'B' }), /^StartAt names "B": expected one of A$/],
  [
    'a way to nowhere',
    machine({ A: { Type: 'Pass', Next: 'B' } }),
    /^state A: Next names "B", which is no state beside it$/,
  ],
  ['no way at all', machine({ A: { Type: 'Pass' } }), /^state A: Next names nothing/],
  ['two ways', machine({ A: { ...pass, Next: 'A' } }), /^state A: has both Next and End$/],
  [
    'a choice that leads nowhere',
    machine({ A: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'B' }] } }),
    /^state A: Choices\[0\]\/Next names "B"/,
  ],
  [
    'a default that leads nowhere',
    machine({ A: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'A' }], Default: 'B' } }),
    /^state A: Default names "B"/,
  ],
  ['a choice without one', machine({ A: { Type: 'Choice', Choices: [] } }), /^state A: Choices is missing or empty$/],
  [
    'a catcher that leads nowhere',
    machine({ A: { Type: 'Task', Resource: 'r', End: true, Catch: [{ ErrorEquals: ['E'], Next: 'B' }] } }),
    /^state A: Catch\[0\]\/Next names "B"/,
  ],
  [
    'a catcher of nothing',
    machine({ A: { Type: 'Task', Resource: 'r', End: true, Catch: [{ ErrorEquals: [], Next: 'A' }] } }),
    /^state A: Catch\[0\]\/ErrorEquals is \[\]: expected names of errors$/,
  ],
  [
    'a retry of a Pass',
    machine({ A: { ...pass, Retry: [{ ErrorEquals: ['E'] }] } }),
    /^state A: Retry is not a field of it: expected Type, Comment, /,
  ],
  ['a type that is none', machine({ A: { ...pass, Type: 'Pas' } }), /^state A: Type is "Pas": expected Task, Pass/],
  [
    'a field of JSONPath',
    machine({ A: { ...pass, ResultPath: '$.x' } }),
    /^state A: ResultPath is a field of JSONPath/,
  ],
  [
    'a path field',
    machine({ A: { Type: 'Wait', SecondsPath: '$.x', Seconds: 1, End: true } }),
    /^state A: SecondsPath is a field of JSONPath/,
  ],
  [
    'a result writer',
    machine({ A: { Type: 'Map', ItemProcessor: scope({ B: pass }), ResultWriter: {}, End: true } }),
    /^state A: ResultWriter is not supported here$/,
  ],
  [
    'an item reader',
    machine({ A: { Type: 'Map', ItemProcessor: scope({ B: pass }), ItemReader: {}, End: true } }),
    /^state A: ItemReader is not supported here$/,
  ],
  [
    'batches by bytes',
    machine({
      A: {
        Type: 'Map',
        ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...scope({ B: pass }) },
        ItemBatcher: { MaxInputBytesPerBatch: 1 },
        End: true,
      },
    }),
    /^state A: ItemBatcher: only MaxItemsPerBatch/,
  ],
  [
    'a wait for nothing',
    machine({ A: { Type: 'Wait', End: true } }),
    /^state A: expected either Seconds or Timestamp$/,
  ],
  [
    'a wait for two things',
    machine({ A: { Type: 'Wait', Seconds: 1, Timestamp: '2026-01-31T12:00:00Z', End: true } }),
    /^state A: expected either Seconds or Timestamp$/,
  ],
  ['a task that calls nothing', machine({ A: { Type: 'Task', End: true } }), /^state A: Resource is missing$/],
  [
    'no branches',
    machine({ A: { Type: 'Parallel', Branches: [], End: true } }),
    /^state A: Branches is missing or empty$/,
  ],
  [
    'what is no JSONata',
    machine({ A: { ...pass, Output: { a: ['{% 1 + %}'] } } }),
    /^state A: Output a \[0\] is not JSONata: .*: \{% 1 \+ %\}$/,
  ],
  [
    'a variable of an outer scope',
    machine({
      A: { Type: 'Pass', Assign: { x: 1 }, Next: 'M' },
      M: { Type: 'Map', ItemProcessor: scope({ I: { ...pass, Assign: { x: 2 } } }), End: true },
    }),
    /^state M: ItemProcessor: state I: Assign sets \$x, a variable of an outer scope$/,
  ],
  [
    'an assignment of nothing',
    machine({ A: { ...pass, Assign: '{% {} %}' } }),
    /^state A: Assign is not an object of variables$/,
  ],
  ['$states', machine({ A: { ...pass, Assign: { states: 1 } } }), /^state A: Assign sets \$states, which is reserved$/],
  [
    'a timeout of nothing',
    machine({ A: pass }, { TimeoutSeconds: 0 }),
    /^TimeoutSeconds is 0: expected a number of seconds$/,
  ],
];

for (const [name, definition, problem] of refused) {
  test(`${name} is refused before anything is run, with state and field`, () => {
    const problems = checkDefinition(definition);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, problem);
  });
}

test('all that is wrong is said at once, with what to do', () => {
  const definition = machine({ A: { Type: 'Pass', Next: 'B' }, C: { Type: 'Task', End: true } });
  assert.throws(
    () => loadDefinition(definition, 'backup'),
    (failure: Error & { hint?: string }) => {
      assert.equal(failure.name, 'DefinitionInvalid');
      assert.match(
        failure.message,
        /^state machine backup cannot be run: state A: Next .*; state C: Resource is missing$/,
      );
      assert.equal(failure.hint, 'correct statemachines/backup.asl.json');
      return true;
    },
  );
});

test('the same variable may be set beside and within a distributed map', () => {
  const states = scope({ I: { ...pass, Assign: { x: 2 } } });
  const M = {
    Type: 'Map',
    ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }, ...states },
    Assign: { x: 1 },
    End: true,
  };
  assert.deepEqual(checkDefinition(machine({ M })), []);
});

test('a definition has one hash, however it is written', () => {
  const one = hashDefinition({ a: 1, b: [{ c: null, d: 'x' }] });
  assert.equal(hashDefinition({ b: [{ d: 'x', c: null }], a: 1 }), one);
  assert.notEqual(hashDefinition({ b: [{ d: 'x', c: 0 }], a: 1 }), one);
  assert.match(one, /^[0-9a-f]{64}$/);
});
