import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FollowingProxy } from './following-proxy.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-proxy-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

/** Says who it is, then repeats what it is told. Its address, as the file has it. */
async function echo(name: string, path?: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => (path ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve)));
  after(() => server.close());
  return path ?? `127.0.0.1:${(server.address() as { port: number }).port}`;
}

function endpoint(content?: string): { file: string; put(content: string): void } {
  const file = join(folder, `endpoint-${++count}`);
  const put = (text: string) => {
    writeFileSync(`${file}.tmp`, `${text}\n`);
    renameSync(`${file}.tmp`, file);
  };
  if (content !== undefined) put(content);
  return { file, put };
}

async function proxyTo(file: string): Promise<FollowingProxy> {
  const proxy = await FollowingProxy.start(file);
  after(() => proxy.close());
  return proxy;
}

const dial = ({ port }: FollowingProxy): Socket => connect(port, '127.0.0.1').on('error', () => undefined);
const heard = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);

test('a connection goes to where the file says', async () => {
  const { file } = endpoint(await echo('east'));
  const socket = dial(await proxyTo(file));
  assert.equal(await heard(socket), 'east\n');
  socket.write('hello');
  assert.equal(await heard(socket), 'hello');
  socket.destroy();
});

test('when the file changes, old connections are cut and new ones go elsewhere', async () => {
  const [east, west] = await Promise.all([echo('east'), echo('west', join(folder, 'west.sock'))]);
  const { file, put } = endpoint(east);
  const proxy = await proxyTo(file);
  const socket = dial(proxy);
  assert.equal(await heard(socket), 'east\n');
  const closed = once(socket, 'close');
  put(west);
  const another = dial(proxy);
  assert.equal(await heard(another), 'west\n');
  await closed;
  assert.equal(proxy.cutConnections, 1);
  another.write('still here');
  assert.equal(await heard(another), 'still here');
  another.destroy();
});

test('the same content again cuts nobody', async () => {
  const east = await echo('east');
  const { file, put } = endpoint(east);
  const proxy = await proxyTo(file);
  const socket = dial(proxy);
  await heard(socket);
  for (let round = 0; round < 5; round++) {
    put(east);
    socket.write('x');
    assert.equal(await heard(socket), 'x');
  }
  assert.equal(proxy.cutConnections, 0);
  socket.destroy();
});

test('where the file is missing, or leads to nobody, connections end', async () => {
  const { file, put } = endpoint();
  const proxy = await proxyTo(file);
  await once(dial(proxy).resume(), 'close');
  put(join(folder, 'nobody.sock'));
  await once(dial(proxy).resume(), 'close');
  put(await echo('east'));
  const socket = dial(proxy);
  assert.equal(await heard(socket), 'east\n');
  const closed = once(socket, 'close');
  rmSync(file);
  await closed;
});
