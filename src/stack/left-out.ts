import { readFile } from 'node:fs/promises';
import { type Loader, type Plugin, transform } from 'esbuild';

/**
 * What packages bring and no function uses is left out, so that a bundle stays small. A package that has moved what is left
 * out here fails the build: else it would come back in silence.
 */
export function leavingOut(): Plugin {
  return {
    name: 'leave out',
    setup(build) {
      const met = new Set<LeftOut>();
      for (const one of leftOut) {
        build.onLoad({ filter: one.file }, () => {
          met.add(one);
          return { contents: one.instead, loader: 'js' as Loader };
        });
      }
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
        contents: await ownModule(await readFile(path, 'utf8')),
        loader: 'js' as Loader,
      }));
      // the one of its two builds of which unused parts can be left out
      build.onResolve({ filter: /^yaml$/ }, () =>
        build.resolve('./node_modules/yaml/browser/index.js', {
          kind: 'import-statement',
          resolveDir: build.initialOptions.absWorkingDir!,
        }),
      );
      build.onEnd(() => ({
        errors: leftOut.filter((one) => !met.has(one)).map(({ file }) => ({ text: `nothing to leave out at ${file}` })),
      }));
    },
  };
}

interface LeftOut {
  file: RegExp;
  /** the module that stands in its place */
  instead: string;
}

const leftOut: readonly LeftOut[] = [
  {
    // Lambda gives its role's credentials in variables, which src/runtime/aws-client-config.ts reads; no profiles, no SSO:
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    file: /\/@aws-sdk\/credential-provider-node\/dist-es\/index\.js$/,
    instead: `
      export const defaultProvider = () => () => Promise.reject(Object.assign(
        new Error('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set'), { name: 'CredentialsProviderError' }));`,
  },
  {
    // what attachments are by their names; our mails have none
    file: /\/nodemailer\/dist\/esm\/mime-funcs\/mime-types\.js$/,
    instead: `
      export const detectMimeType = () => 'application/octet-stream';
      export const detectExtension = () => 'bin';`,
  },
  {
    // mail servers by the names of their companies; the plan has a host
    file: /\/nodemailer\/dist\/esm\/well-known\/index\.js$/,
    instead: 'export default () => false;',
  },
  {
    // ways of sending mail that we do not go
    file: /\/nodemailer\/dist\/esm\/(?:json-transport|sendmail-transport|ses-transport|smtp-pool|stream-transport)\/index\.js$/,
    instead: 'export default class {}',
  },
];

/**
 * Failures are told apart by the names of their classes, so ours keep their names; those of packages need not. Of a
 * namespace only what is used gets into a bundle, of an object everything: zod's texts in fifty languages.
 */
async function ownModule(source: string): Promise<string> {
  const onlyWhatIsUsed = source.replace("import { z } from 'zod'", "import * as z from 'zod'");
  return (await transform(onlyWhatIsUsed, { loader: 'ts', target: 'node24', keepNames: true })).code;
}
