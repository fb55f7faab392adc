import { createHash } from 'node:crypto';
import { executionName } from '#model/execution-name';
import { bucketOf, type ObjectCreated } from '#model/object-created';
import { patternFor, type RuleDefinition, readRuleDefinitions } from '#model/rule-definition';
import { type EventPattern, readEventPattern } from './event-pattern.ts';
import type { Json } from './integration.ts';

/** What is done when an event matches. */
export interface EventRule extends RuleDefinition {
  pattern: EventPattern;
}

/**
 * The rules of statemachines/rules.json for the bucket and the sources of a plan.
 * @throws InputInvalid that names the rule
 */
export function readEventRules(content: string, bucketUrl: string, sources: readonly string[]): EventRule[] {
  const { name: bucket, prefix } = bucketOf(bucketUrl);
  const places = { bucket, folders: sources.map((source) => prefix + source) };
  return readRuleDefinitions(content).map((rule) => ({
    ...rule,
    pattern: readEventPattern(patternFor(rule.pattern, places) as Json, `rules.${rule.name}.pattern`),
  }));
}

export const matchingRules = (rules: readonly EventRule[], event: ObjectCreated): EventRule[] =>
  rules.filter(({ pattern }) => pattern.matches(event as unknown as Json));

/** The name of the execution that a rule starts for an event: the same for the same generation of the same object. */
export function ruleExecutionName(rule: EventRule, event: ObjectCreated): string {
  const { bucket, object } = event.detail;
  const digest = createHash('sha256')
    .update(JSON.stringify([rule.name, bucket?.name, object.key, object.etag]))
    .digest('hex');
  const told = object.key.replace(/\/manifest\.json$/, '').replace(/[^A-Za-z0-9]+/g, '-');
  return executionName(`${told.slice(-60).replace(/^-+/, '')}-${digest.slice(0, 12)}`);
}
