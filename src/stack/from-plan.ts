/** The parts of the template that the plan decides on. */
export function resourcesOfPlan(_: { planPath: string; stage: string }) {
  return { schedules: { Resources: {} }, sources: { Resources: {} }, alarms: { Resources: {} } };
}
