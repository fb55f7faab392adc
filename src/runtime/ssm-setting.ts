import {
  DeleteParameterCommand,
  GetParameterCommand,
  type Parameter,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import type { Movable } from '#failover/movable';
import type { MovedSetting } from '#model/failover-settings';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { answerOf, answerUnless, type Meanings, problemsFrom } from './move-failure.ts';

type SsmSetting = MovedSetting & { kind: 'ssm' };

/**
 * A parameter of Parameter Store, of type String or StringList. Everybody who asks for it from now on has the new value; who
 * has read it before keeps the old one until he asks again. A new version is only made of another value.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
export function ssmSetting(one: SsmSetting, environment: Environment): Movable {
  const client = new SSMClient({ ...awsClientConfig(environment, 'ssm'), region: one.region });
  const call = (action: string) => ({
    ...{ action: `ssm:${action}`, subject: `the parameter ${one.parameter}` },
    place: `Parameter Store in ${one.region}`,
  });
  const look = async (abortSignal: AbortSignal): Promise<Parameter | undefined> => {
    const asked = client.send(new GetParameterCommand({ Name: one.parameter }), { abortSignal });
    const found = await answerUnless(/^ParameterNotFound$/, asked, call('GetParameter'), meanings);
    if (found?.Parameter?.Type === 'SecureString') throw isSecret(one);
    return found?.Parameter;
  };
  return {
    part: 'settings',
    what: `ssm ${one.parameter} in ${one.region}`,
    wanted: (primary) => one.values[primary]!,
    read: async (signal) => (await look(signal))?.Value ?? null,
    put: async (value, abortSignal) => {
      const parameter = await look(abortSignal);
      if ((parameter?.Value ?? null) === value) return null;
      if (value === null) {
        const asked = client.send(new DeleteParameterCommand({ Name: one.parameter }), { abortSignal });
        await answerUnless(/^ParameterNotFound$/, asked, call('DeleteParameter'), meanings);
        return null;
      }
      const { Type = 'String', DataType } = parameter ?? {};
      const given = { Name: one.parameter, Value: value, Type, ...(DataType && { DataType }), Overwrite: true };
      await answerOf(client.send(new PutParameterCommand(given), { abortSignal }), call('PutParameter'), meanings);
      return null;
    },
    settled: async () => true,
    check: (signal) =>
      problemsFrom(async () => {
        if (await look(signal)) return [];
        return [`there is no parameter ${one.parameter} in ${one.region}: nobody is configured by it`];
      }),
  };
}

/** Its value would be in records and plans. */
const isSecret = ({ parameter, region }: SsmSetting): ServerUnsuitable =>
  new ServerUnsuitable(`the parameter ${parameter} in ${region} is a SecureString, and what is moved is no secret`, {
    operation: 'ssm:GetParameter',
    subject: parameter,
    hint: 'keep the host in a parameter of type String, or in a field of a secret (kind: secret)',
  });

const tooMany = 'delete versions or parameters that nobody needs, or ask AWS for a higher quota';
const asTyped = "let the plan's value be one that this parameter takes, or change the parameter";

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html#API_PutParameter_Errors */
const meanings: Meanings = {
  TooManyUpdates: { hint: 'somebody else changes it at the same moment: try again', passes: true },
  InternalServerError: { hint: 'AWS has a problem: try again in a minute', passes: true },
  ParameterMaxVersionLimitExceeded: { hint: 'its oldest version has a label: move the label to another version' },
  ParameterLimitExceeded: { hint: tooMany },
  ParameterAlreadyExists: { hint: 'somebody else made it at the same moment: try again', passes: true },
  ParameterPatternMismatchException: { hint: "check the parameter's name in the plan" },
  HierarchyLevelLimitExceededException: {
    hint: "its name has too many levels: check the parameter's name in the plan",
  },
  HierarchyTypeMismatchException: { hint: asTyped },
  InvalidAllowedPatternException: { hint: asTyped },
  UnsupportedParameterType: { hint: asTyped },
  IncompatiblePolicyException: { hint: 'see the policies of this parameter' },
  InvalidPolicyAttributeException: { hint: 'see the policies of this parameter' },
  InvalidPolicyTypeException: { hint: 'see the policies of this parameter' },
  PoliciesLimitExceededException: { hint: 'see the policies of this parameter' },
  InvalidKeyId: { hint: 'the key that it is encrypted with cannot be used' },
  ParameterVersionNotFound: { hint: 'the plan names the parameter, not one of its versions' },
  ValidationException: { hint: asTyped },
};
