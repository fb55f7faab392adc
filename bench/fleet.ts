import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { glanceAtSource } from '#cli/ask-source';
import { countedStore } from '#harness/counted-store';
import { runLifeboat } from '#harness/run-lifeboat';
import { fleetPlan, storeFleet } from '#harness/stored-fleet';
import { createDirectoryStore } from '#store/directory-store';

/**
 * How long `lifeboat status` takes over many sources with a year of backups behind them, and how many requests it sends,
 * compared with a tenth of the age. Wanted: below 2 s, and as many requests. `node bench/fleet.ts [sources]`.
 */
const sources = Number(process.argv[2] ?? 1000);

for (const days of [36, 365]) {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-fleet-'));
  try {
    const bucket = join(folder, 'bucket');
    const store = await createDirectoryStore(bucket);
    const size = { sources, days };
    await storeFleet(store, size, new Date());
    const plan = fleetPlan(bucket, size);
    const names = plan.sources.map(({ name }) => `  ${name}: { connection: { host: db.example, user: lifeboat } }`);
    await writeFile(
      join(folder, 'plan.yml'),
      [`bucket: ${bucket}`, 'encryption: none', 'sources:', ...names, ''].join('\n'),
    );
    const took: number[] = [];
    for (let round = 0; round < 3; round++) {
      // what is measured is as old as a minute at most where a watch runs
      await storeFleet(store, { ...size, days: 1, only: 'exposure' }, new Date());
      const began = performance.now();
      const { exitCode, stdout } = await runLifeboat(['status', '--json'], { cwd: folder });
      took.push(performance.now() - began);
      const { sources: told } = JSON.parse(stdout);
      if (exitCode !== 9 || told.length !== sources) throw new Error(`exit code ${exitCode}, ${told.length} sources`);
    }
    const counted = countedStore(store);
    const asked = { vault: { store: counted.store, keyRing: undefined }, stack: undefined, now: new Date() };
    for (const source of plan.sources) await glanceAtSource(source, { ...asked, signal: AbortSignal.timeout(60_000) });
    const median = Math.round(took.sort((a, b) => a - b)[1]!);
    console.log(`${sources} sources, ${days} days: status ${median} ms, ${JSON.stringify(counted.counts)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
