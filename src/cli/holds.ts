import { readHolds } from '#catalog/holds';
import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { chooseAny } from '#model/choose-source';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'holds',
  summary: 'list what is held',
  help: `One line for each backup or dump that retention may not remove, since somebody holds it: who, since when, until when, and
why. \`lifeboat hold ID --release\` lets the plan's rules decide again.`,
  examples: ['lifeboat holds', 'lifeboat holds --source orders --json'],
  options: {
    source: { flags: '--source <name>', summary: 'only this source (default: all)' },
  },

  async run({ source }, { plan: readPlan, environment, output, now }) {
    const plan = await readPlan();
    const all = [...plan.sources, ...plan.managed];
    const chosen = source === undefined ? all : [chooseAny(plan, source, '--source')];
    const store = await openStoreAt(plan.bucket, environment);
    const holds = (await Promise.all(chosen.map(({ name }) => readHolds(store, name, now())))).flat();
    const rows = holds.map((hold) => [hold.id, hold.source, hold.by, hold.at, hold.until ?? '', hold.reason]);
    const text =
      rows.length === 0
        ? 'nothing is held'
        : formatTable([['HELD', 'SOURCE', 'BY', 'SINCE', 'UNTIL', 'REASON'], ...rows]);
    output.print(text, { holds });
  },
});
