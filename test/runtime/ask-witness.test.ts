import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askWitness } from '#runtime/ask-witness';
import { httpServer } from './http-server.ts';

const patience = () => AbortSignal.timeout(20_000);
const ask = (url: string) => askWitness({ kind: 'http', url }, {}, patience());

const answers: [status: number, says: string][] = [
  [200, 'there'],
  [204, 'there'],
  [410, 'gone'],
  [503, 'unknown'],
  [500, 'unknown'],
  [502, 'unknown'],
  [504, 'unknown'],
  [404, 'unknown'],
  [301, 'unknown'],
];
for (const [status, says] of answers) {
  test(`a witness that answers ${status} says ${says}`, async () => {
    const { url } = await httpServer((_, response) => response.writeHead(status, { location: '/' }).end());
    assert.deepEqual(await ask(`${url}/db?token=secret`), { what: `http ${url}/db`, says, detail: `status ${status}` });
  });
}

test('a witness that cannot be reached knows nothing', async () => {
  const { url, server } = await httpServer(() => undefined);
  server.close();
  assert.deepEqual(await ask(url), { what: `http ${url}/`, says: 'unknown', detail: 'nothing listens there' });
});

test('a witness that hangs up knows nothing', async () => {
  const { url } = await httpServer((_, response) => response.destroy());
  const { says, detail } = await ask(url);
  assert.deepEqual([says, detail], ['unknown', 'it closed the connection']);
});

test('asking ends when it is told to', async () => {
  const stop = new AbortController();
  const { url } = await httpServer(() => stop.abort(new Error('told to stop')));
  await assert.rejects(askWitness({ kind: 'http', url }, {}, stop.signal), /told to stop/);
});
