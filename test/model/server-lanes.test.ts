import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { serverLanes } from '#model/server-lanes';

const on = (host: string, name: number, port = 5432) => ({ name, connection: { host, port } });
const names = (sources: ReturnType<typeof on>[], perServer: number) =>
  serverLanes(sources, perServer, ({ name }) => name);

test('a server is a host and a port, however its name is written', () => {
  assert.deepEqual(names([on('a', 1), on('b', 2), on('A', 3), on('a', 4, 5433)], 1), [
    { server: 'a:5432', sources: [1, 3] },
    { server: 'b:5432', sources: [2] },
    { server: 'a:5433', sources: [4] },
  ]);
});

test('a server has no more lanes than it has sources', () => {
  assert.deepEqual(names([on('a', 1), on('a', 2)], 5), [
    { server: 'a:5432', sources: [1] },
    { server: 'a:5432', sources: [2] },
  ]);
});

test('every source is in one lane, none is empty, no server has too many, and the order is kept', () => {
  const sources = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(1, 2)), { maxLength: 40 });
  fc.assert(
    fc.property(sources, fc.integer({ min: 1, max: 10 }), (hosts, perServer) => {
      const lanes = names(
        hosts.map(([host, port], name) => on(host, name, port)),
        perServer,
      );
      const found = lanes.flatMap((lane) => lane.sources).sort((a, b) => a - b);
      assert.deepEqual(found, [...hosts.keys()]);
      for (const lane of lanes) {
        assert.ok(lane.sources.length > 0);
        assert.deepEqual(
          lane.sources,
          [...lane.sources].sort((a, b) => a - b),
        );
      }
      for (const same of Map.groupBy(lanes, ({ server }) => server).values()) assert.ok(same.length <= perServer);
    }),
  );
});
