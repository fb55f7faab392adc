/** Of Prometheus' text format, by its grammar. https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export interface Family {
  type: string;
  help: string;
  samples: { labels: Record<string, string>; value: number }[];
}

/** @throws Error for what a Pushgateway would refuse */
export function parseExposition(text: string): Map<string, Family> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Partial<Family> & Pick<Family, 'samples'>>();
  const of = (name: string) => {
    const family = families.get(name) ?? { samples: [] };
    families.set(name, family);
    return family;
  };
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, described, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line) ?? [];
    if (kind && described) {
      const family = of(described);
      const field = kind === 'HELP' ? 'help' : 'type';
      if (family[field] !== undefined) throw new Error(`second ${kind} of ${described}`);
      if (family.samples.length > 0) throw new Error(`${kind} of ${described} after its samples`);
      if (kind === 'TYPE' && !/^(counter|gauge|histogram|summary|untyped)$/.test(rest!)) throw new Error(line);
      family[field] = rest!;
      continue;
    }
    if (line.startsWith('#')) continue;
    const [, name, labels, value] =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line) ?? [];
    if (!name || Number.isNaN(Number(value))) throw new Error(`no sample: ${line}`);
    of(name).samples.push({ labels: labelsOf(labels ?? ''), value: Number(value) });
  }
  for (const [name, { type, samples }] of families) {
    if (type === undefined || samples.length === 0) throw new Error(`${name} has no type or no sample`);
  }
  return families as Map<string, Family>;
}

const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, value!]));
