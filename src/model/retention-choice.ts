import { chooseAny } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import type { ManagedSource } from '#model/managed-source';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import type { RetentionRules } from '#model/retention-rules';

/** The source of that name (without a name, the plan's only one) and the rules that hold for it. @throws InputInvalid */
export function chooseRetention(
  plan: Plan,
  name: string | undefined,
  field = 'source',
): { source: PostgresSource | ManagedSource; rules: RetentionRules } {
  const source = chooseAny(plan, name, field);
  const rules = source.retention ?? plan.retention;
  if (rules) return { source, rules };
  const allowed = `a source with retention in the plan: ${source.name} has none, so everything of it is kept`;
  const hint = 'write what is kept into the plan: retention: { window: 35d, weekly: 8, monthly: 12 }';
  throw new InputInvalid(field, source.name, allowed, hint);
}
