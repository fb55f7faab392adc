// The framework reads CommonJS only; what is made of the plan is TypeScript.
module.exports = async ({ resolveVariable }) => {
  const { resourcesOfPlan } = await import('./from-plan.ts');
  return resourcesOfPlan({
    planPath: await resolveVariable('param:plan'),
    stage: await resolveVariable('sls:stage'),
    primaryBackupKeyArn: await resolveVariable('param:primaryBackupKeyArn'),
  });
};
