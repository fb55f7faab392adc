import { importsOf, lineAt, readSource, type SourceText } from './source-text.ts';

/** Who may import whom; everybody may import from his own folder. */
const allowed: Record<string, readonly string[]> = {
  model: [],
  postgres: ['model'],
  pipeline: ['model'],
  store: ['model'],
  sources: ['model', 'postgres'],
  catalog: ['model', 'store'],
  recovery: ['model', 'postgres', 'pipeline', 'store', 'catalog'],
  failover: ['model', 'postgres'],
  notify: ['model'],
  stack: ['model'],
  runbook: ['model'],
  runtime: ['model', 'postgres', 'sources', 'pipeline', 'store', 'catalog', 'recovery', 'failover', 'notify'],
  functions: ['model', 'catalog', 'notify', 'runtime', 'recovery', 'failover'],
};
const working = [...allowed.runtime!, 'runtime', 'functions'];
allowed.tasks = working;
allowed.local = [...working, 'tasks'];
allowed.cli = [...working, 'tasks', 'local', 'stack', 'runbook'];

/** What breaks the rules of the house in one file; `path` is relative to the checkout: `src/model/lsn.ts`. */
export function violationsOf(path: string, source: string): string[] {
  const text = readSource(source);
  const folder = path.split('/').at(-2)!;
  const mine = allowed[folder];
  if (!mine || !/^(?:src\/[^/]+|tasks|functions)\/[^/]+$/.test(path)) {
    return [
      `${path}: no rule says what ${path.slice(0, path.lastIndexOf('/'))}/ may import: add one to test/check/house-rules.ts`,
    ];
  }
  return [...importViolations(path, folder, mine, text), ...codeViolations(path, text)];
}

function importViolations(path: string, folder: string, mine: readonly string[], text: SourceText): string[] {
  const may = `${folder}/ may import ${[folder, ...mine].map((name) => `#${name}`).join(', ')}`;
  return importsOf(text).flatMap(({ specifier, line }) => {
    const at = `${path}:${line}:`;
    if (specifier === undefined) return [`${at} imports something that is computed: name the module`];
    if (specifier.startsWith('.')) {
      return /^\.\/[^/]+$/.test(specifier)
        ? []
        : [`${at} imports "${specifier}" across folders: use #folder/name; ${may}`];
    }
    const [, of] = /^#([^/]+)\//.exec(specifier) ?? [];
    if (of !== undefined && of !== folder && !mine.includes(of)) return [`${at} imports "${specifier}": ${may}`];
    if (specifier.startsWith('@aws-sdk/') && !mayUseAws(path)) {
      return [`${at} imports "${specifier}": only src/runtime/ and src/store/s3-*.ts may import @aws-sdk/*`];
    }
    if (/^(?:node:)?process$/.test(specifier) && !mayUseProcess(path))
      return [`${at} imports "${specifier}": ${processRule}`];
    return [];
  });
}

const mayUseAws = (path: string): boolean => /^src\/(?:runtime\/|store\/s3-[^/]+\.ts$)/.test(path);

const mayUseProcess = (path: string): boolean =>
  path.startsWith('src/runtime/') || path === 'tasks/run-task.ts' || path === 'src/cli/main.ts';

const processRule = 'only src/runtime/, tasks/run-task.ts and src/cli/main.ts may touch process';

interface CodeRule {
  pattern: RegExp;
  says: string;
  excuses?(path: string): boolean;
}

const codeRules: CodeRule[] = [
  // not a property of something else, nor the name of one
  {
    pattern: /(?<![\w$.#])process(?![\w$]|\s*:)|\bglobalThis\s*\.\s*process\b/g,
    says: processRule,
    excuses: mayUseProcess,
  },
  {
    pattern: /(?<![\w$.#])exec(?:Sync)?\s*\(|\bexec(?:Sync)?\b(?=[^;{}]*\}\s*from\s*'\s*')/g,
    says: 'no shell: spawn a program with its arguments',
  },
  { pattern: /\bshell\s*:(?!\s*false\b)/g, says: 'no shell: spawn a program with its arguments' },
  {
    pattern: /\bZSTD_c_nbWorkers\b/g,
    says: 'no zstd workers: with them node:zlib ends normally with truncated output (nodejs/node#59899)',
  },
];

function codeViolations(path: string, { codeOnly }: SourceText): string[] {
  return codeRules
    .filter(({ excuses }) => !excuses?.(path))
    .flatMap(({ pattern, says }) =>
      [...codeOnly.matchAll(pattern)].map(
        (match) => `${path}:${lineAt(codeOnly, match.index)}: "${match[0].trim()}": ${says}`,
      ),
    );
}
