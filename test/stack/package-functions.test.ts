import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type FunctionPackage, packageFunctions } from '#stack/package-functions';
import { zip } from '#stack/zip';
import { checkout } from './packaged-template.ts';

const plan = join(checkout, 'plan.aws.example.yml');
let folder: string;
let packages: FunctionPackage[];
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-packages-'));
  packages = await packageFunctions(plan, join(folder, 'first'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('no function loads more than 700 kB when it starts, and the SDKs of what a plan may move lie apart from that', () => {
  const large = (most: number, of: 'startBytes' | 'bytes') =>
    packages.filter((one) => one[of] > most).map((one) => `${one.name}: ${one[of]}`);
  assert.deepEqual(large(700_000, 'startBytes'), []);
  // client-ec2 alone is 556 kB
  assert.deepEqual(large(2_100_000, 'bytes'), []);
  for (const { name, bytes, startBytes } of packages) assert.ok(startBytes > 0 && startBytes < bytes, name);
});

test('the same sources and plan are the same bytes', async () => {
  const again = await packageFunctions(plan, join(folder, 'second'));
  const digests = (all: FunctionPackage[]) =>
    all.map(({ name, path }) => `${name} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
  assert.deepEqual(digests(again), digests(packages));
});

test('a zip unpacks to the handler, its pieces and the plan, which everybody may read', () => {
  const { name, path, files } = packages.find((one) => one.name === 'tell')!;
  const to = join(folder, 'unpacked');
  // Python's reader checks lengths and CRC-32
  const unpacked = spawnSync('/usr/bin/python3', ['-m', 'zipfile', '-e', path, to], { encoding: 'utf8' });
  assert.equal(unpacked.status, 0, unpacked.stderr);
  const found = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(to, file)).isFile(),
  );
  assert.deepEqual(found.sort(), files.map((file) => file.name).sort());
  for (const file of files) assert.deepEqual(readFileSync(join(to, file.name)), Buffer.from(file.content), file.name);
  assert.ok(found.includes(`${name}.mjs`));
  assert.deepEqual(readFileSync(join(to, 'plan.yml')), readFileSync(plan));
  const listing =
    'import sys, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist(): print(oct(i.external_attr >> 16), i.date_time)';
  const { stdout } = spawnSync('/usr/bin/python3', ['-c', listing, path], { encoding: 'utf8' });
  assert.deepEqual([...new Set(stdout.trim().split('\n'))], ['0o100644 (1980, 1, 1, 0, 0, 0)']);
});

test('nothing is bundled that a function has no use for', () => {
  for (const { name, files } of packages) {
    const text = files.map(({ content }) => Buffer.from(content).toString('latin1')).join('');
    // profiles and SSO of the SDK, texts of zod in other languages, attachments of nodemailer
    for (const useless of ['portal.sso', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'Ongeldige invoer', 'application/vnd.ms-excel'])
      assert.equal(text.includes(useless), false, `${name}: ${useless}`);
    assert.equal(text.includes('sourceMappingURL'), false, name);
  }
});

test('an empty file and a name beyond ASCII are zipped, too', () => {
  const archive = zip([
    { name: 'empty', content: new Uint8Array() },
    { name: 'größe.txt', content: Buffer.from('größe') },
  ]);
  const check =
    'import io, sys, zipfile\nz = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))\nassert z.testzip() is None\nprint(ascii([(n, z.read(n)) for n in z.namelist()]))';
  const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', check], { input: archive, encoding: 'utf8' });
  assert.equal(stdout.trim(), "[('empty', b''), ('gr\\xf6\\xdfe.txt', b'gr\\xc3\\xb6\\xc3\\x9fe')]", stderr);
});
