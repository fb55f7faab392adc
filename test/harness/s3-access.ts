import type { Access } from './judge-access.ts';
import type { S3Request } from './strict-s3-request.ts';

/** Who asks, as a policy sees it. */
export interface Caller {
  account: string;
  /** ARN */
  principal: string;
}

/**
 * What a request needs the right to, with the condition keys that S3 makes of it.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
export function accessOf(request: S3Request, caller: Caller): Access[] {
  const { key, headers } = request;
  const bucket = `arn:aws:s3:::${request.bucket}`;
  const resource = key === '' ? bucket : `${bucket}/${key}`;
  const named = Object.entries(headerKeys).flatMap(([header, name]) => {
    const value = headers.get(header);
    return value === undefined ? [] : [[name, value] as const];
  });
  const context: Record<string, string> = {
    'aws:securetransport': 'true',
    's3:tlsversion': '1.3',
    'aws:principalaccount': caller.account,
    'aws:principalarn': caller.principal,
    'aws:principalisawsservice': 'false',
    ...Object.fromEntries(named),
  };
  const action = actionOf(request);
  if (action === 's3:PutObject') context['s3:objectcreationoperation'] = String(createsObject(request));
  const tagging = headers.get('x-amz-tagging');
  if (tagging === undefined) return [{ action, resource, context }];
  for (const [tag, value] of new URLSearchParams(tagging)) context[`s3:requestobjecttag/${tag.toLowerCase()}`] = value;
  return [action, 's3:PutObjectTagging'].map((each) => ({ action: each, resource, context }));
}

const headerKeys = {
  'if-none-match': 's3:if-none-match',
  'if-match': 's3:if-match',
  'x-amz-server-side-encryption': 's3:x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id': 's3:x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm': 's3:x-amz-server-side-encryption-customer-algorithm',
};

function actionOf({ method, key, query }: S3Request): string {
  if (key === '') return query.has('uploads') ? 's3:ListBucketMultipartUploads' : 's3:ListBucket';
  if (method === 'PUT' || (method === 'POST' && !query.has('restore'))) return 's3:PutObject';
  if (method === 'POST') return 's3:RestoreObject';
  if (method === 'DELETE') return query.has('uploadId') ? 's3:AbortMultipartUpload' : 's3:DeleteObject';
  return 's3:GetObject';
}

/** Not the beginning and the pieces of an upload. */
const createsObject = ({ method, query }: S3Request): boolean => (method === 'POST') === query.has('uploadId');
