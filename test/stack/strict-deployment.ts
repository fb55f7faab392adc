import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsRefusal, type AwsRequest, signerOf } from '#harness/strict-aws-signature';
import { type StrictS3, startStrictS3 } from '#harness/strict-s3-server';
import { forward } from './guarded-aws.ts';
import { deploymentBucket, StrictCloudFormation } from './strict-cloudformation.ts';

export interface StrictDeployment {
  cloudFormation: StrictCloudFormation;
  s3: StrictS3;
  /** services that were asked */
  services: Set<string>;
  /** what whoever deploys has in the environment */
  environment: Record<string, string>;
  close(): Promise<void>;
}

/** All of AWS that a deployment talks to, behind one address: every request is signed, by one identity. */
export async function startStrictDeployment(): Promise<StrictDeployment> {
  const s3 = await startStrictS3({ bucket: deploymentBucket });
  const cloudFormation = new StrictCloudFormation(s3.bucket);
  const services = new Set<string>();
  const identity = { ...s3.credentials, arn: 'arn:aws:iam::111122223333:user/deployer' };
  const serve = async (message: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '/', headers } = message;
    const request: AwsRequest = { method, url, headers, body: Buffer.concat(await message.toArray()) };
    const [, named = ''] = /\/([a-z0-9-]+)\/aws4_request/.exec(String(headers.authorization)) ?? [];
    services.add(named);
    if (named === 's3') {
      const answer = await forward(message, request.body, s3.endpoint);
      return void response.writeHead(answer.status, answer.headers).end(answer.body);
    }
    try {
      signerOf(request, [identity], new Date());
      if (named === 'lambda') throw new AwsRefusal(404, 'ResourceNotFoundException');
      const input = new URLSearchParams(String(request.body));
      const action = input.get('Action') ?? '';
      const result =
        named === 'sts'
          ? `<Arn>${identity.arn}</Arn><UserId>AIDA</UserId><Account>111122223333</Account>`
          : cloudFormation.answer(action, input);
      response.writeHead(200, { 'content-type': 'text/xml' });
      response.end(`<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`);
    } catch (error) {
      const { status = 500, code = 'InternalFailure', message: text } = error as AwsRefusal;
      const isJson = named === 'lambda';
      response.writeHead(status, {
        'content-type': isJson ? 'application/json' : 'text/xml',
        'x-amzn-errortype': code,
      });
      response.end(
        isJson
          ? JSON.stringify({ message: text })
          : `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${text}</Message></Error></ErrorResponse>`,
      );
    }
  };
  const http = createServer((message, response) => {
    serve(message, response).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { accessKeyId, secretAccessKey } = s3.credentials;
  return {
    ...{ cloudFormation, s3, services },
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    async close() {
      http.close();
      http.closeAllConnections();
      await Promise.all([once(http, 'close'), s3.close()]);
    },
  };
}
