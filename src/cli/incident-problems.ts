import { listOpenIncidents } from '#catalog/incidents';
import type { Problem } from '#cli/status-report';
import { incidentOf, runnerOf } from '#model/incident';
import { oneLine } from '#model/plain-text';
import type { ObjectStore } from '#store/object-store';

/** Incidents that are open, and channels that were not told of them, as `lifeboat status` shows what is wrong. */
export async function incidentProblems(store: ObjectStore, sources: ReadonlySet<string>): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { entries, untold } of await listOpenIncidents(store)) {
    const incident = incidentOf(entries);
    const { id, severity, title, source, acknowledged, opened, resolved } = incident;
    if (source !== null && !sources.has(source)) continue;
    const named = { source: source ?? 'incident', since: opened.at };
    const who = acknowledged ? `run by ${oneLine(runnerOf(incident))}` : 'nobody has acknowledged it';
    const what = `incident ${id}, ${severity.name}: ${oneLine(title)}; ${who}`;
    const todo = acknowledged ? `lifeboat incident show ${id}` : `lifeboat incident ack ${id}`;
    if (!resolved) problems.push({ ...named, what, todo });
    const [first] = untold;
    if (first) {
      const missed = `incident ${id} is not told to ${first.channel}: ${first.reason}`;
      problems.push({ ...named, what: missed, todo: 'lifeboat notify --test' });
    }
  }
  return problems;
}
