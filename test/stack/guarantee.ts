import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Deployment, resolveResources } from '#harness/resolve-template';
import { type Packaging, packagedTemplate, type Template } from './packaged-template.ts';

export type Resources = Template['Resources'];

export interface Guarantee {
  /** what is wrong with what is deployed; empty when nothing is */
  check(resources: Resources): string[];
  /** each breaks the guarantee, and `check` has to see it */
  mistakes: Record<string, (resources: Resources) => void>;
  packaging?: Packaging;
  deployment?: Deployment;
}

/** A sentence that holds for the packaged stack, and that would not hold with any of the planted mistakes. */
export function guarantee(sentence: string, { check, mistakes, packaging, deployment }: Guarantee): void {
  test(sentence, async (t) => {
    const template = await packagedTemplate(packaging);
    const deployed = () => resolveResources(template, storageResources, deployment);
    assert.deepEqual(check(deployed()), []);
    for (const [mistake, plant] of Object.entries(mistakes)) {
      await t.test(`a mistake that is seen: ${mistake}`, () => {
        const resources = deployed();
        plant(resources);
        assert.notDeepEqual(check(resources), []);
      });
    }
  });
}

/** Where backups rest, and the keys to them. */
export const storageResources = [
  'Bucket',
  'BucketPolicy',
  'AccessLogBucket',
  'AccessLogBucketPolicy',
  'BucketKey',
  'BackupKey',
  'EvidenceKey',
  'EvidenceKeyAlias',
  'ReplicationRole',
];

type Fields = Record<string, unknown>;

/** What lies at a path like `Bucket.Properties.VersioningConfiguration.Status`; undefined where something on the way is missing. */
export const at = (resources: Resources, path: string): unknown =>
  path.split('.').reduce<unknown>((value, name) => (value as Fields | undefined)?.[name], resources);

/** Changes what lies at a path; undefined takes it away. */
export const set =
  (path: string, value: unknown) =>
  (resources: Resources): void => {
    const parent = at(resources, path.slice(0, path.lastIndexOf('.'))) as Fields | undefined;
    const name = path.slice(path.lastIndexOf('.') + 1);
    assert.ok(parent && name in parent, `there is no ${path}`);
    parent[name] = value;
  };

/** The paths at which something else lies than expected. */
export const differences = (resources: Resources, expected: Record<string, unknown>): string[] =>
  Object.entries(expected).flatMap(([path, value]) => {
    const actual = JSON.stringify(at(resources, path));
    return actual === JSON.stringify(value) ? [] : [`${path} is ${actual}, expected ${JSON.stringify(value)}`];
  });
