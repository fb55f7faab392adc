import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { embeddedInstallation, machineInstallation } from '#harness/postgres-installations';
import { makeServerFolder, type TestServer } from '#harness/postgres-server';
import type { BackupId } from '#model/backup-id';
import type { Manifest } from '#model/manifest';
import { assertClean, assertNoCluster, assertRefused, newServer, Vessel } from './bad-scene.ts';

/** Two full backups of a cluster with a tablespace, so that each has two parts; the newer one is damaged. */
class Pair {
  readonly server: TestServer;
  readonly vessel: Vessel;
  readonly older: BackupId;
  readonly newer: BackupId;
  readonly oid: string;
  readonly #space: string;

  static async take(server: TestServer, space: string, encryption: 'encrypted' | 'plain'): Promise<Pair> {
    const vessel = new Vessel(server, { encryption });
    const [older, newer] = [await vessel.backup(), await vessel.backup()];
    const oid = await server.value("select oid::text from pg_tablespace where spcname = 'fast'");
    return new Pair({ server, vessel, older, newer, oid, space });
  }

  private constructor(all: {
    server: TestServer;
    vessel: Vessel;
    older: BackupId;
    newer: BackupId;
    oid: string;
    space: string;
  }) {
    this.server = all.server;
    this.vessel = all.vessel;
    this.older = all.older;
    this.newer = all.newer;
    this.oid = all.oid;
    this.#space = all.space;
  }

  /** The same once more, in a bucket of its own. */
  copy(encryption: 'encrypted' | 'plain'): Pair {
    const vessel = this.vessel.copy();
    if (encryption === 'plain') vessel.writePlan({ encryption });
    return new Pair({ ...this, vessel, space: this.#space });
  }

  key = (name: string, backup = this.newer): string => `orders/backups/${backup}/${name}`;

  path = (name: string, backup = this.newer): string => this.vessel.path(this.key(name, backup));

  get base(): string {
    return 'base.tar.000000';
  }

  get space(): string {
    return `${this.oid}.tar.000000`;
  }

  get to(): string {
    return join(this.vessel.folder, 'restored');
  }

  /** To the backup's end: nobody receives WAL here, so what the server wrote between the two backups may be missing. */
  restore(...args: string[]) {
    return this.vessel.restore(this.to, '--immediate', '--tablespace', `${this.#space}=${this.to}-space`, ...args);
  }

  editManifest(change: (manifest: Manifest) => void): void {
    const path = this.path('manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
    change(manifest);
    writeFileSync(path, JSON.stringify(manifest));
  }
}

function flip(path: string, at = 0.5): void {
  const bytes = readFileSync(path);
  const place = Math.floor(bytes.length * at);
  bytes[place] = bytes[place]! ^ 1;
  writeFileSync(path, bytes);
}

const cut = (path: string, bytes: number) => truncateSync(path, readFileSync(path).length - bytes);

function swap(a: string, b: string): void {
  renameSync(a, `${a}.held`);
  renameSync(b, a);
  renameSync(`${a}.held`, b);
}

interface Damage {
  what: string;
  inflict(pair: Pair): void;
  /** the object that verify names */
  object(pair: Pair): string;
  /** and the one that restore names, where that is another */
  refused?(pair: Pair): string;
}

const base = (pair: Pair) => pair.key(pair.base);
const index = (pair: Pair) => pair.key('index.jsonl');
/** whichever of the two is read first */
const eitherPart = (pair: Pair) => pair.key('(base|\\d+).tar.000000');
const manifest = (pair: Pair) => pair.key('manifest.json');

const damages: Damage[] = [
  { what: 'a part cut in half', inflict: (p) => cut(p.path(p.base), 1_000_000), object: base },
  {
    what: 'a part with something behind its end',
    inflict: (p) => writeFileSync(p.path(p.base), 'x', { flag: 'a' }),
    object: base,
  },
  { what: 'a part with one bit flipped', inflict: (p) => flip(p.path(p.base)), object: base },
  {
    what: 'two parts of one backup swapped',
    inflict: (p) => swap(p.path(p.base), p.path(p.space)),
    object: base,
    refused: eitherPart,
  },
  {
    what: 'a part swapped with that of another backup',
    inflict: (p) => swap(p.path(p.base), p.path(p.base, p.older)),
    object: base,
  },
  {
    what: "a part replaced by the older backup's",
    inflict: (p) => copyFileSync(p.path(p.base, p.older), p.path(p.base)),
    object: base,
  },
  { what: 'a part that is gone', inflict: (p) => rmSync(p.path(p.base)), object: base },
  { what: 'an index with one bit flipped', inflict: (p) => flip(p.path('index.jsonl')), object: index },
  { what: 'an index that is gone', inflict: (p) => rmSync(p.path('index.jsonl')), object: index },
  {
    what: "the older backup's index",
    inflict: (p) => copyFileSync(p.path('index.jsonl', p.older), p.path('index.jsonl')),
    object: index,
  },
  {
    what: 'a manifest with another stop LSN',
    inflict: (p) =>
      p.editManifest((m) => {
        m.stop.lsn = m.start.lsn;
      }),
    object: index,
    refused: manifest,
  },
  {
    what: 'a manifest with another parent',
    inflict: (p) =>
      p.editManifest((m) => {
        m.parent = p.older;
        m.kind = 'incr';
      }),
    object: index,
    refused: manifest,
  },
  {
    what: 'a manifest with a part less',
    inflict: (p) =>
      p.editManifest((m) => {
        m.parts.pop();
      }),
    object: index,
  },
  {
    what: 'a manifest that is garbage',
    inflict: (p) => writeFileSync(p.path('manifest.json'), 'garbage'),
    object: manifest,
  },
  {
    what: "the older backup's manifest",
    inflict: (p) => copyFileSync(p.path('manifest.json', p.older), p.path('manifest.json')),
    object: manifest,
  },
  { what: 'a manifest that is gone', inflict: (p) => rmSync(p.path('manifest.json')), object: manifest },
];

let server: TestServer;
let space: string;

before(async () => {
  server = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  space = makeServerFolder(join(server.home, 'space'));
  await server.query(`create tablespace fast location '${space}'`);
  await server.query('create table orders (n int) tablespace fast; insert into orders select generate_series(1, 500)');
});

/** without authentication tags, lengths, digests and what is said twice have to tell */
const inClear = /^(a part with one bit flipped|two parts|a part replaced|a manifest with a part less)/;

for (const encryption of ['encrypted', 'plain'] as const) {
  describe(`an ${encryption === 'plain' ? 'unencrypted' : 'encrypted'} backup`, () => {
    let pair: Pair;
    before(async () => {
      pair = await Pair.take(server, space, encryption);
    });

    const chosen = encryption === 'encrypted' ? damages : damages.filter(({ what }) => inClear.test(what));
    for (const { what, inflict, object, refused = object } of chosen) {
      test(`with ${what} is refused by verify and by restore, which starts nothing`, async () => {
        const one = pair.copy(encryption);
        inflict(one);
        const named = object(one);
        const [verified, restored] = await Promise.all([one.vessel.run(['verify', one.newer]), one.restore()]);
        assert.equal(verified.exitCode, 6, verified.stdout + verified.stderr);
        assertClean(verified);
        assert.ok(
          (verified.stdout + verified.stderr).includes(named),
          `${named}: ${verified.stdout}${verified.stderr}`,
        );
        assert.match(verified.stdout + verified.stderr, /take a new full backup now|HINT: /);
        assertRefused(restored, { exitCode: 6, message: new RegExp(refused(one)), hint: /another backup/ });
        assertNoCluster(one.to);
        assertNoCluster(`${one.to}-space`);
      });
    }
  });
}

describe('damage beside the data', () => {
  let pair: Pair;
  before(async () => {
    pair = await Pair.take(server, space, 'encrypted');
  });

  test("PostgreSQL's own manifest is verified, and no restore needs it", async () => {
    for (const inflict of [(path: string) => flip(path), (path: string) => rmSync(path)]) {
      const one = pair.copy('encrypted');
      inflict(one.path('backup_manifest.json'));
      const verified = await one.vessel.run(['verify']);
      assert.equal(verified.exitCode, 6);
      assert.match(verified.stdout, new RegExp(`${one.key('backup_manifest.json')}.*\\n +take a new full backup now`));
    }
  });

  test('after one damaged backup the other one is restored, started and answers', async () => {
    const one = pair.copy('encrypted');
    flip(one.path(one.base));
    assert.equal((await one.restore()).exitCode, 6);
    const ended = await one.restore('--backup', one.older);
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.match(ended.stdout, /checks +\d+ of \d+ as they should be/);
  });

  test('a restore that fails puts back what it set aside', async () => {
    const one = pair.copy('encrypted');
    flip(one.path(one.base));
    makeServerFolder(one.to);
    writeFileSync(join(one.to, 'precious'), 'gold');
    assertRefused(await one.restore('--set-aside'), {
      exitCode: 6,
      message: /damaged|base\.tar/,
      hint: /another backup/,
    });
    assert.equal(readFileSync(join(one.to, 'precious'), 'utf8'), 'gold');
  });

  test('a catalog that is garbage, empty or gone costs reads only; rebuild makes it anew', async () => {
    const one = pair.copy('encrypted');
    const path = one.vessel.path('catalog/orders/backups.json');
    const good = JSON.parse(readFileSync(path, 'utf8'));
    for (const spoil of [() => writeFileSync(path, '\0garbage{'), () => writeFileSync(path, ''), () => rmSync(path)]) {
      spoil();
      const { exitCode, stdout } = await one.vessel.run(['backups', '--json']);
      assert.equal(exitCode, 0);
      assert.deepEqual(
        JSON.parse(stdout).backups.map(({ backup }: { backup: string }) => backup),
        [one.older, one.newer],
      );
    }
    writeFileSync(path, 'garbage');
    assert.match(
      (await one.vessel.run(['catalog', 'rebuild'])).stdout,
      /orders: 2 committed, 0 uncommitted, 0 unreadable/,
    );
    assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), good);
  });

  test('a catalog that says otherwise than the manifests restores nothing', async () => {
    const one = pair.copy('encrypted');
    const path = one.vessel.path('catalog/orders/backups.json');
    const catalog = JSON.parse(readFileSync(path, 'utf8'));
    catalog.backups[1].start.lsn = catalog.backups[0].start.lsn;
    writeFileSync(path, JSON.stringify(catalog));
    assertRefused(await one.restore(), {
      exitCode: 6,
      message: /manifest\.json says otherwise than catalog\/orders\/backups\.json/,
      hint: /lifeboat catalog rebuild/,
    });
    assertNoCluster(one.to);
    assert.equal((await one.vessel.run(['catalog', 'rebuild'])).exitCode, 0);
    assert.equal((await one.restore('--no-start')).exitCode, 0);
  });

  test('an unreadable manifest is shown in the list and does not hide the others', async () => {
    const one = pair.copy('encrypted');
    writeFileSync(one.path('manifest.json'), 'garbage');
    rmSync(one.vessel.path('catalog/orders/backups.json'));
    const { stdout, exitCode } = await one.vessel.run(['backups']);
    assert.equal(exitCode, 0);
    assert.match(stdout, new RegExp(`${one.older} +committed`));
    assert.match(stdout, new RegExp(`${one.newer} +unreadable`));
    assert.equal((await one.vessel.run(['catalog', 'rebuild'])).exitCode, 6);
    assert.equal((await one.restore('--no-start')).exitCode, 0, 'from the older one');
  });
});

describe('a chain', () => {
  test('is refused when a part of its full backup is damaged, and nothing is built on a damaged manifest', async () => {
    const source = await newServer(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    const vessel = new Vessel(source);
    const full = await vessel.backup();
    const incremental = await vessel.backup('--type', 'incremental');
    assert.match(incremental, /-incr$/);

    const damaged = vessel.copy();
    flip(damaged.path(`orders/backups/${full}/base.tar.000000`));
    const to = join(damaged.folder, 'restored');
    assertRefused(await damaged.restore(to, '--bin-dir', embeddedInstallation().binDir), {
      exitCode: 6,
      message: new RegExp(`orders/backups/${full}/base\\.tar\\.000000`),
      hint: /another backup/,
    });
    assertNoCluster(to);

    const orphaned = vessel.copy();
    rmSync(orphaned.path(`orders/backups/${full}`), { recursive: true });
    assertRefused(await orphaned.restore(to), {
      exitCode: 3,
      message: new RegExp(`${incremental} needs ${full}, which is gone`),
      hint: /lifeboat backup/,
    });

    flip(vessel.path(`orders/backups/${incremental}/backup_manifest.json`));
    const instead = await vessel.run(['backup', '--type', 'incremental']);
    assert.equal(instead.exitCode, 0, instead.stderr);
    assert.match(
      instead.stderr,
      new RegExp(`WARNING: a full backup was taken: orders/backups/${incremental}/backup_manifest\\.json has`),
    );
    assert.match(await vessel.backup('--type', 'incremental'), /-incr$/);
  });
});
