import { readFileSync } from 'node:fs';
import { parsePlan } from '#model/plan';
import { alarmsOfPlan } from '#stack/alarms';
import { dashboardLines } from '#stack/dashboard-lines';
import { machinesOf } from '#stack/deployed';
import { rulesOfPlan } from '#stack/event-rules';
import { failoverStack } from '#stack/failover-stack';
import { functionRoles } from '#stack/function-roles';
import { ref } from '#stack/intrinsics';
import { logicalName } from '#stack/logical-name';
import { dataOfPlan } from '#stack/plan-data';
import { outputsOfPlan } from '#stack/plan-outputs';
import { schedulesOfPlan } from '#stack/schedules';
import { functionsOfPlan } from '#stack/slack';
import { sourcesOfPlan } from '#stack/sources';
import { storageOfPlan } from '#stack/storage';
import { systemStack } from '#stack/system-stack';
import { checkTemplateSize } from '#stack/template-size';

export interface Deployment {
  planPath: string;
  stage: string;
  /** of the stack in the other region; empty for the first one */
  primaryBackupKeyArn: string;
}

/** The parts of the template that the plan decides on. */
export function resourcesOfPlan({ planPath, stage, primaryBackupKeyArn }: Deployment) {
  const text = readFileSync(planPath, 'utf8');
  const plan = parsePlan(text, planPath);
  const rules = readFileSync(new URL('../../statemachines/rules.json', import.meta.url), 'utf8');
  const planData = dataOfPlan(text, planPath);
  const [failover, systems] = [failoverStack(plan, planData), systemStack(plan)];
  const growing = {
    schedules: schedulesOfPlan(plan),
    rules: rulesOfPlan(plan, rules),
    sources: sourcesOfPlan({ plan, text, fileName: planPath }),
    alarms: alarmsOfPlan(plan),
    moving: {
      Conditions: failover.Conditions,
      Resources: { ...failover.Resources, ...systems.Resources },
    },
  };
  const counted = { Resources: { ...failover.counted, ...systems.counted } };
  checkTemplateSize(plan, planPath, countedParts({ ...growing, counted }));
  return {
    ...growing,
    counted,
    planData,
    storage: storageOfPlan(plan, { stage, primaryBackupKeyArn }),
    functions: { ...functionsOfPlan(plan), ...failover.functions, ...systems.functions },
    machines: machinesOf(plan).map((name) => ref(`${logicalName(name)}StateMachine`)),
    dashboard: dashboardLines(plan),
    functionRoles: functionRoles(plan),
    outputs: outputsOfPlan(text, plan),
  };
}

/** What makes a template larger than that of the shortest plan; functions by what the framework makes of them. */
export const countedParts = <T extends { Resources: object }>({
  schedules,
  rules,
  sources,
  alarms,
  moving,
  counted,
}: Record<CountedPart, T>): T[] => [...[schedules, rules, sources, alarms, moving, counted]];
type CountedPart = 'schedules' | 'rules' | 'sources' | 'alarms' | 'moving' | 'counted';
