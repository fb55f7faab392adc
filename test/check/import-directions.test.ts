import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { violationsOf } from './house-rules.ts';
import { importsOf, readSource } from './source-text.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = globSync('{src,tasks,functions}/**/*.ts', { cwd: root }).sort();
const read = (file: string) => readFileSync(join(root, file), 'utf8');

test('imports run one way, and nothing is touched out of its place', () => {
  const violations = files.flatMap((file) => violationsOf(file, read(file)));
  assert.equal(violations.length, 0, `\n${violations.join('\n')}\n`);
});

test('every file was looked at, and its imports were found', () => {
  assert.ok(files.length > 120, `${files.length} files`);
  for (const file of files) {
    const found = importsOf(readSource(read(file))).filter(({ specifier }) => specifier?.startsWith('#'));
    const lines = read(file).match(/^(?:import|export|\}).* from '#/gm)?.length ?? 0;
    assert.ok(found.length >= lines, `${file}: ${lines} lines import, ${found.length} imports were found`);
  }
});

test('each name of ours leads to a file', () => {
  const folders: Record<string, string> = JSON.parse(read('package.json')).imports;
  for (const file of files) {
    for (const { specifier, line } of importsOf(readSource(read(file)))) {
      const [, folder, name] = /^(#[^/]+)\/(.+)$/.exec(specifier ?? '') ?? [];
      if (folder === undefined) continue;
      const target = folders[`${folder}/*`]?.replace('*', name!);
      assert.ok(target && existsSync(join(root, target)), `${file}:${line}: "${specifier}" leads nowhere`);
    }
  }
});

const breaches: [path: string, source: string, violation: RegExp][] = [
  [
    'src/model/x.ts',
    `import { get } from '#store/get';`,
    /^src\/model\/x\.ts:1: imports "#store\/get": model\/ may import #model$/,
  ],
  ['src/model/x.ts', `import type { Get } from '#store/get';`, /"#store\/get"/],
  ['src/model/x.ts', `export { get } from '#store/get';`, /"#store\/get"/],
  ['src/model/x.ts', `import '#store/get';`, /"#store\/get"/],
  ['src/model/x.ts', `const get = await import('#store/get');`, /"#store\/get"/],
  ['src/model/x.ts', `import {\n  a,\n  b,\n} from '#store/get';`, /"#store\/get"/],
  ['src/model/x.ts', `type A = import('#store/get').A;`, /"#store\/get"/],
  ['src/store/x.ts', `import { a } from '#pipeline/a';`, /store\/ may import #store, #model$/],
  ['src/pipeline/x.ts', `import { a } from '#store/a';`, /pipeline\/ may import #pipeline, #model$/],
  ['src/sources/x.ts', `import { a } from '#pipeline/a';`, /sources\/ may import #sources, #model, #postgres$/],
  ['src/catalog/x.ts', `import { a } from '#pipeline/a';`, /catalog\/ may import #catalog, #model, #store$/],
  ['src/recovery/x.ts', `import { a } from '#runtime/a';`, /recovery\/ may import/],
  ['src/recovery/x.ts', `import { a } from '#sources/a';`, /recovery\/ may import/],
  ['src/failover/x.ts', `import { a } from '#recovery/a';`, /failover\/ may import #failover, #model, #postgres$/],
  ['src/notify/x.ts', `import { a } from '#catalog/a';`, /notify\/ may import #notify, #model$/],
  ['src/runtime/x.ts', `import { a } from '#tasks/a';`, /runtime\/ may import/],
  ['src/runtime/x.ts', `import { a } from '#cli/a';`, /runtime\/ may import/],
  ['functions/x.ts', `import { a } from '#pipeline/a';`, /functions\/ may import/],
  ['functions/x.ts', `import { a } from '#sources/a';`, /functions\/ may import/],
  ['tasks/x.ts', `import { a } from '#local/a';`, /tasks\/ may import/],
  ['tasks/x.ts', `import { a } from '#cli/a';`, /tasks\/ may import/],
  ['src/local/x.ts', `import { a } from '#cli/a';`, /local\/ may import/],
  ['src/cli/x.ts', `import { a } from '#harness/a';`, /cli\/ may import/],
  ['src/cli/x.ts', `import { a } from '../model/lsn.ts';`, /imports "\.\.\/model\/lsn\.ts" across folders/],
  ['src/cli/x.ts', `import { a } from './deep/lsn.ts';`, /across folders/],
  ['src/cli/x.ts', `new Worker(new URL('../tasks/work.ts', import.meta.url));`, /across folders/],
  ['src/cli/x.ts', 'const a = await import(name);', /imports something that is computed/],
  ['src/cli/x.ts', `const a = await import(\`./\${name}.ts\`);`, /imports something that is computed/],
  [
    'src/store/directory-x.ts',
    `import { S3Client } from '@aws-sdk/client-s3';`,
    /only src\/runtime\/ and src\/store\/s3-\*\.ts/,
  ],
  ['tasks/x.ts', `import { S3Client } from '@aws-sdk/client-s3';`, /may import @aws-sdk/],
  ['src/model/x.ts', `import { env } from 'node:process';`, /may touch process$/],
  ['tasks/x.ts', 'const a = process.env.A;', /^tasks\/x\.ts:1: "process": only src\/runtime\//],
  ['tasks/x.ts', '\n\nconst { argv } = process;', /^tasks\/x\.ts:3: /],
  ['tasks/x.ts', 'const a = globalThis.process.env;', /may touch process$/],
  ['tasks/x.ts', `const a = \`\${process.cwd()}/x\`;`, /may touch process$/],
  ['tasks/x.ts', `import { exec } from 'node:child_process';`, /no shell/],
  ['tasks/x.ts', 'exec(command);', /no shell/],
  ['tasks/x.ts', 'execSync(command);', /no shell/],
  ['tasks/x.ts', 'spawn(command, { shell: true });', /no shell/],
  ['tasks/x.ts', 'spawn(command, { shell: useShell });', /no shell/],
  ['src/pipeline/x.ts', 'const p = { [constants.ZSTD_c_nbWorkers]: 4 };', /no zstd workers/],
  ['src/other/x.ts', '', /no rule says what src\/other\/ may import/],
  ['src/model/deep/x.ts', '', /no rule says what src\/model\/deep\/ may import/],
];
for (const [path, source, violation] of breaches) {
  test(`${path}: ${JSON.stringify(source)} is a violation`, () => {
    const found = violationsOf(path, source);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0]!, violation);
  });
}

const innocent: [path: string, source: string][] = [
  ['src/model/x.ts', `import { a } from '#model/a';\nimport { b } from './b.ts';\nimport { z } from 'zod';`],
  ['src/model/x.ts', `// import { a } from '#store/a';\n/* process.env */ /** exec( */`],
  ['src/model/x.ts', `const a = "import { a } from '#store/a'";\nconst b = 'process.env.A; exec(x)';`],
  ['src/model/x.ts', `const a = \`process.env \${b} from '#store/a'\`;`],
  ['src/model/x.ts', `const a = /process\\.env[/']/; const b = "it's";`],
  ['src/model/x.ts', `const a = b / c; // '\nconst d = e / f;`],
  ['src/model/x.ts', `const match = /x/.exec(text); const a = pattern.exec(text);`],
  ['src/model/x.ts', `const a = { process: 1 }; a.process; const processed = 2; this.#process();`],
  ['src/model/x.ts', 'spawn(program, { shell: false });'],
  ['src/runtime/x.ts', `import { S3Client } from '@aws-sdk/client-s3';\nprocess.exit();`],
  ['src/store/s3-x.ts', `import { S3Client } from '@aws-sdk/client-s3';`],
  ['src/cli/main.ts', `import process from 'node:process';\nprocess.exitCode = 1;`],
  ['tasks/run-task.ts', 'process.exitCode = 1;'],
  ['tasks/x.ts', `import { a } from '#functions/a';\nimport { b } from '#sources/b';\nimport { c } from '#runtime/c';`],
  ['src/cli/x.ts', `import { a } from '#local/a';\nimport { b } from '#tasks/b';\nawait import('#store/c');`],
  ['src/recovery/x.ts', `import { a } from '#catalog/a';\nimport { b } from '#pipeline/b';`],
];
for (const [path, source] of innocent) {
  test(`${path}: ${JSON.stringify(source)} is fine`, () => {
    assert.deepEqual(violationsOf(path, source), []);
  });
}
