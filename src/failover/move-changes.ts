import type { DecidedMove } from '#failover/move-hash';

/** What differs between what was approved and what would be done now, in words; one thing at least. */
export function moveChanges(approved: DecidedMove | undefined, found: DecidedMove): string[] {
  if (!approved) return [summary(found)];
  const changed: string[] = [];
  const say = (differs: boolean, words: string) => void (differs && changed.push(words));
  say(approved.primary !== found.primary, primaryWords(found));
  say(approved.mode !== found.mode, `it would be a ${found.mode} by now, and was a ${approved.mode}`);
  say(
    approved.from !== found.from || approved.to !== found.to,
    `it would go from ${found.from} to ${found.to}, and was to go from ${approved.from} to ${approved.to}`,
  );
  say(approved.restore !== found.restore, found.restore ? `no standby is at ${found.to}` : `${found.to} has a standby`);
  say(approved.systemId !== found.systemId, `${found.to} is another system: ${found.systemId ?? 'none'}`);
  say(
    approved.timeline !== found.timeline,
    `the timeline is ${found.timeline ?? 'not told'}, and was ${approved.timeline ?? 'not told'}`,
  );
  say(JSON.stringify(approved.fence) !== JSON.stringify(found.fence), fenceWords(found));
  say(approved.automatic && !found.automatic, 'the witnesses and our own look do not agree any more');
  say(approved.force !== found.force, found.force ? 'it is forced' : 'it is not forced any more');
  const more = found.forced.filter((one) => !approved.forced?.includes(one));
  say(more.length > 0, `it would be forced in spite of more than was shown: ${more.join(', ')}`);
  say(JSON.stringify(approved.moved) !== JSON.stringify(found.moved), movedWords(approved, found));
  return changed.length > 0 ? changed : [summary(found)];
}

function primaryWords({ primary, from }: DecidedMove): string {
  switch (primary) {
    case 'answers':
      return `the primary answers again at ${from}`;
    case 'gone':
      return `the primary at ${from} does not answer any more`;
    case 'fenced':
      return `${from} is fenced by now`;
    case 'standby':
      return `${from} is a standby by now`;
    case 'absent':
      return `${from} has neither a server nor its files any more`;
    case null:
      return `${from} is not touched`;
  }
}

function fenceWords({ fence, from }: DecidedMove): string {
  if (fence === null) return `${from} is not fenced`;
  return fence.strength === 'none'
    ? `${from} cannot be fenced any more`
    : `the fence of ${from} is another: ${fence.strength}, by ${fence.by} (${fence.of})`;
}

function movedWords(approved: DecidedMove, found: DecidedMove): string {
  const key = ({ part, what, value }: DecidedMove['moved'][number]) => `${part} ${what} to ${value}`;
  const before = new Set(approved.moved.map(key));
  const now = new Set(found.moved.map(key));
  const added = [...now].filter((one) => !before.has(one));
  const left = [...before].filter((one) => !now.has(one));
  const words = [...added.map((one) => `it moves ${one}`), ...left.map((one) => `it does not move ${one}`)];
  return words.join('; ') || 'the plan names what follows in another order';
}

const summary = ({ mode, from, to, primary }: DecidedMove): string =>
  `by now it is a ${mode} from ${from} to ${to}${primary === 'answers' ? `, and the primary answers at ${from}` : ''}`;
