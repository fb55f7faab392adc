import { type AwsSdkCall, AwsSdkRefused } from '#runtime/call-aws-sdk';
import { type Integration, type Json, StatesError } from './integration.ts';

/** `aws-sdk:<service>:<action>`. https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html */
export function callAwsSdk(sdk: AwsSdkCall): Integration {
  return async ({ resource, arguments: given, signal }) => {
    const [, service = '', action = ''] = resource.split(':');
    try {
      return (await sdk({ service, action, given, signal })) as Json;
    } catch (error) {
      if (!(error instanceof AwsSdkRefused)) throw error;
      throw new StatesError(error.error, error.message);
    }
  };
}
