import type { Template } from './packaged-template.ts';

/** What each resource of a template names: other resources, parameters and AWS's own words, as CloudFormation looks for them. */
export function referencesOf(template: Template): Map<string, Set<string>> {
  return new Map(
    Object.entries(template.Resources).map(([name, { DependsOn = [], ...resource }]) => [
      name,
      new Set([...[DependsOn].flat(), ...named(resource)]),
    ]),
  );
}

/** Also in outputs, which no resource waits for. */
export function danglingReferences(template: Template): string[] {
  const known = new Set([...Object.keys(template.Resources), ...Object.keys(template.Parameters)]);
  const all = [...referencesOf(template), ['Outputs', new Set(named(template.Outputs))] as const];
  const isThere = (name: string): boolean => known.has(name) || name.startsWith('AWS::');
  return all.flatMap(([from, names]) => [...names].filter((name) => !isThere(name)).map((name) => `${from}: ${name}`));
}

/** Resources that wait for each other, if there are any. */
export function circle(template: Template): string[] {
  const references = referencesOf(template);
  const done = new Set<string>();
  const visit = (name: string, path: string[]): string[] => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return [];
    for (const next of references.get(name) ?? []) {
      const found = visit(next, [...path, name]);
      if (found.length > 0) return found;
    }
    done.add(name);
    return [];
  };
  for (const name of references.keys()) {
    const found = visit(name, []);
    if (found.length > 0) return found;
  }
  return [];
}

function named(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(named);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inside]) => {
    if (key === 'Ref') return [String(inside)];
    if (key === 'Fn::GetAtt') return [String((inside as string[])[0])];
    if (key === 'Fn::Sub') return substituted(inside as string | [string, object]);
    return named(inside);
  });
}

function substituted(argument: string | [string, object]): string[] {
  const [text, own] = typeof argument === 'string' ? [argument, {}] : argument;
  const names = [...text.matchAll(/\$\{([^!}.]+)(?:\.[^}]*)?\}/g)].map(([, name]) => name!);
  return [...names.filter((name) => !(name in own)), ...named(own)];
}
