import type { Environment } from '#runtime/environment';

export interface AwsClientConfig {
  endpoint?: string;
  region?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/**
 * How a client of the SDK reaches a service (`s3`, `sfn`, …). The environment gives what it gives to the aws command:
 * AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN; what is not in it is looked up where the SDK does: profiles, container and instance roles.
 */
export function awsClientConfig(environment: Environment, service: string): AwsClientConfig {
  const endpoint = environment[endpointVariable(environment, service)];
  // what only speaks like AWS mostly has no regions
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || (endpoint && 'us-east-1');
  const credentials = staticCredentials(environment);
  return { ...(endpoint && { endpoint }), ...(region && { region }), ...(credentials && { credentials }) };
}

/** Which variable names the endpoint, for those who complain of it. */
export function endpointVariable(environment: Environment, service: string): string {
  const own = `AWS_ENDPOINT_URL_${service.toUpperCase()}`;
  return environment[own] ? own : 'AWS_ENDPOINT_URL';
}

function staticCredentials(environment: Environment): AwsClientConfig['credentials'] {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  // a profile that is named wins, as in the SDK's own chain
  if (!accessKeyId || !secretAccessKey || environment.AWS_PROFILE) return undefined;
  const sessionToken = environment.AWS_SESSION_TOKEN;
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
