import { readFileSync } from 'node:fs';
import { parsePlan } from '#model/plan';
import { alarmsOfPlan } from '#stack/alarms';
import { rulesOfPlan } from '#stack/event-rules';
import { functionRoles } from '#stack/function-roles';
import { dataOfPlan } from '#stack/plan-data';
import { outputsOfPlan } from '#stack/plan-outputs';
import { schedulesOfPlan } from '#stack/schedules';
import { functionsOfPlan, slackAlarmOf } from '#stack/slack';
import { sourcesOfPlan } from '#stack/sources';
import { storageOfPlan } from '#stack/storage';
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
  const growing = {
    schedules: schedulesOfPlan(plan),
    rules: rulesOfPlan(plan, rules),
    sources: sourcesOfPlan({ plan, text, fileName: planPath }),
    alarms: alarmsOfPlan(plan),
  };
  checkTemplateSize(plan, planPath, Object.values(growing));
  return {
    ...growing,
    planData: dataOfPlan(text, planPath),
    storage: storageOfPlan(plan, { stage, primaryBackupKeyArn }),
    functions: functionsOfPlan(plan),
    slackAlarm: slackAlarmOf(plan),
    functionRoles: functionRoles(plan),
    outputs: outputsOfPlan(text, plan),
  };
}
