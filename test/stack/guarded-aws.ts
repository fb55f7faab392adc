import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Asked, RolePolicy } from './role-policy.ts';

export interface GuardedAwsOptions {
  policy: RolePolicy;
  /** where requests go that are allowed */
  s3: string;
  kms: string;
  /** the key that an alias stands for, by which policies go */
  keyOf?: (keyId: string) => string;
  /** none: nobody asks it */
  rds?: string;
  /** of one of its snapshots: `snapshot:…` or `cluster-snapshot:…` */
  rdsTags?: (region: string, thing: string) => Readonly<Record<string, string>>;
  /** the key of the bucket's own encryption, which S3 uses in the name of who asks */
  bucketKeyArn: string;
  region: string;
  /** of other services, by action: `states:SendTaskSuccess`; gets what was sent */
  answers?: Record<string, (input: Record<string, string>) => object>;
}

export interface GuardedAws {
  endpoint: string;
  denied: Asked[];
  /** what other services were sent, with the action */
  sent: { action: string; input: Record<string, string> }[];
  close(): Promise<void>;
}

/**
 * All of AWS behind one address, as one role sees it: a request is carried out when the role's policies allow it, and else
 * refused as its service refuses. S3 and KMS are the strict ones; others only take note.
 */
export async function startGuardedAws(options: GuardedAwsOptions): Promise<GuardedAws> {
  const guard = new Guard(options);
  const http = createServer((message, response) => {
    guard.serve(message, response).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const close = async () => {
    http.close();
    http.closeAllConnections();
    await once(http, 'close');
  };
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { endpoint, denied: guard.denied, sent: guard.sent, close };
}

interface Received {
  message: IncomingMessage;
  body: Buffer;
}

class Guard {
  readonly denied: Asked[] = [];
  readonly sent: GuardedAws['sent'] = [];
  readonly #options: GuardedAwsOptions;

  constructor(options: GuardedAwsOptions) {
    this.#options = options;
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const received = { message, body: Buffer.concat(chunks) };
    const [target = '', action = ''] = String(message.headers['x-amz-target'] ?? '').split('.');
    if (target === 'TrentService') return this.#kms(received, action, response);
    if (target !== '') return this.#other(received, `${prefixes[target]}:${action}`, response);
    if (signedFor(message)?.service === 'route53') return this.#route53(received, response);
    if (/\/rds\/aws4_request/.test(message.headers.authorization ?? '')) return this.#rds(received, response);
    if (/urlencoded/.test(message.headers['content-type'] ?? '')) return this.#publish(received, response);
    return this.#s3(received, response);
  }

  async #s3({ message, body }: Received, response: ServerResponse): Promise<void> {
    const { bucketKeyArn, region, s3 } = this.#options;
    const url = new URL(message.url!, s3);
    const [, bucket = '', path = ''] = /^\/([^/]*)\/?(.*)$/.exec(url.pathname) ?? [];
    const bucketArn = `arn:aws:s3:::${bucket}`;
    const key = decodeURIComponent(path);
    const list = (prefix: string): Asked => ({
      action: 's3:ListBucket',
      resource: bucketArn,
      context: { 's3:prefix': prefix },
    });
    const asked =
      key === ''
        ? list(url.searchParams.get('prefix') ?? '')
        : { action: `s3:${objectAction(message.method!, url)}`, resource: `${bucketArn}/${key}` };
    const kmsAction =
      { 's3:PutObject': 'kms:GenerateDataKey', 's3:ListBucket': undefined }[asked.action] ?? 'kms:Decrypt';
    const throughS3 = {
      action: kmsAction,
      resource: bucketKeyArn,
      context: { 'kms:ViaService': `s3.${region}.amazonaws.com` },
    };
    // whether the bucket is there at all; a refusal is answer enough
    if (key === '' && message.method === 'HEAD') return refuseS3(message, response);
    if (!this.#allows(asked) || (key !== '' && !this.#allows(throughS3))) return refuseS3(message, response);
    const answer = await forward(message, body, s3);
    // who may not list is not told that something is missing
    const isMissing = key !== '' && message.method !== 'PUT' && answer.status === 404;
    if (isMissing && !this.#allows(list(key))) return refuseS3(message, response);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async #kms({ message, body }: Received, action: string, response: ServerResponse): Promise<void> {
    const {
      KeyId,
      EncryptionContext = {},
      SigningAlgorithm,
    } = JSON.parse(body.toString()) as {
      KeyId: string;
      SigningAlgorithm?: string;
      EncryptionContext?: Record<string, string>;
    };
    const context = Object.fromEntries(
      Object.entries(EncryptionContext).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]),
    );
    if (SigningAlgorithm !== undefined) context['kms:SigningAlgorithm'] = SigningAlgorithm;
    const resource = this.#options.keyOf?.(KeyId) ?? KeyId;
    if (!this.#allows({ action: `kms:${action}`, resource, context })) return refuseJson(response);
    const answer = await forward(message, body, this.#options.kms);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  /** Each thing that an action is about has to be allowed. */
  async #rds({ message, body }: Received, response: ServerResponse): Promise<void> {
    const given = new URLSearchParams(body.toString());
    const [, region] = /\/([\w-]+)\/rds\/aws4_request/.exec(message.headers.authorization ?? '') ?? [];
    const action = `rds:${given.get('Action')}`;
    const asked = rdsThings(given).map((thing) => ({
      action,
      resource: thing.startsWith('arn:') ? thing : `arn:aws:rds:${region}:111122223333:${thing}`,
      context: Object.fromEntries(
        Object.entries(this.#options.rdsTags?.(region!, thing) ?? {}).map(([key, tag]) => [
          `aws:ResourceTag/${key}`,
          tag,
        ]),
      ),
    }));
    if (given.has('Tags.Tag.1.Key')) asked.push({ ...asked.at(-1)!, action: 'rds:AddTagsToResource' });
    const isAllowed = asked.map((one) => this.#allows(one)).every(Boolean);
    const key = given.get('KmsKeyId');
    const context = { 'kms:ViaService': `rds.${region}.amazonaws.com` };
    const mayUseKey = !key || this.#allows({ action: 'kms:CreateGrant', resource: key, context });
    if (!isAllowed || !mayUseKey)
      return void response.writeHead(403, { 'content-type': 'text/xml' }).end(errorXml('AccessDenied'));
    const answer = await forward(message, body, this.#options.rds!);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async #other({ message, body }: Received, action: string, response: ServerResponse): Promise<void> {
    const input = JSON.parse(body.toString()) as Record<string, string>;
    const region = signedFor(message)?.region ?? this.#options.region;
    const asked = this.#resourcesOf(action, input, region).map((one) => this.#allows({ action, ...one }));
    if (!asked.every(Boolean)) return refuseJson(response);
    this.sent.push({ action, input });
    const answer = this.#options.answers?.[action]?.(input) ?? {};
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
  }

  /** Its answers are of XML, in `xml`. https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html */
  async #route53({ message, body }: Received, response: ServerResponse): Promise<void> {
    const [, kind = '', id = '', records] = /\/2013-04-01\/(\w+)\/([^/?]+)(\/rrset)?/.exec(message.url!) ?? [];
    const action = kind === 'change' ? 'GetChange' : records ? rrsetActions[message.method!]! : 'GetHostedZone';
    const texts = (name: string) => [...String(body).matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))];
    const of = (name: string) => texts(name).map(([, value]) => value!);
    const context = {
      'route53:ChangeResourceRecordSetsNormalizedRecordNames': of('Name').map((name) => name.replace(/\.$/, '')),
      'route53:ChangeResourceRecordSetsRecordTypes': of('Type'),
      'route53:ChangeResourceRecordSetsActions': of('Action'),
    };
    const asked = { action: `route53:${action}`, resource: `arn:aws:route53:::${kind}/${id}`, context };
    if (!this.#allows(asked)) return void response.writeHead(403).end(errorXml('AccessDenied'));
    const { xml = '' } = (this.#options.answers?.[asked.action]?.({ id, body: String(body) }) ?? {}) as {
      xml?: string;
    };
    response.writeHead(200, { 'content-type': 'text/xml' }).end(xml);
  }

  async #publish({ body }: Received, response: ServerResponse): Promise<void> {
    const input = Object.fromEntries(new URLSearchParams(body.toString()));
    const isAllowed = this.#allows({ action: 'sns:Publish', resource: input.TopicArn! });
    response.writeHead(isAllowed ? 200 : 403, { 'content-type': 'text/xml' });
    if (!isAllowed) return void response.end(errorXml('AuthorizationError'));
    this.sent.push({ action: 'sns:Publish', input });
    response.end('<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>');
  }

  #resourcesOf(action: string, input: Record<string, string>, region: string): Omit<Asked, 'action'>[] {
    const at = (service: string, rest: string) => `arn:aws:${service}:${region}:111122223333:${rest}`;
    if (action.startsWith('ssm:')) return [{ resource: at('ssm', `parameter/${input.Name!.replace(/^\//, '')}`) }];
    if (!action.startsWith('ecs:')) return [{ resource: this.#resourceOf(action, input, at) }];
    const {
      cluster,
      service,
      services = [service],
    } = input as unknown as Record<'cluster' | 'service', string> & {
      services?: string[];
    };
    const context = { 'ecs:cluster': at('ecs', `cluster/${cluster}`) };
    return services.map((name) => ({ resource: at('ecs', `service/${cluster}/${name}`), context }));
  }

  #resourceOf(
    action: string,
    { SecretId, stateMachineArn, taskToken = '' }: Record<string, string>,
    at: (service: string, rest: string) => string,
  ): string {
    if (action.startsWith('secretsmanager:')) return at('secretsmanager', `secret:${SecretId}-a1B2c3`);
    // a token belongs to the machine whose state waits for it, and only these wait for people
    const [, machine = 'restore'] = /^(.+)-token-/.exec(taskToken) ?? [];
    return stateMachineArn ?? at('states', `stateMachine:lifeboat-prod_${machine}`);
  }

  #allows(asked: Asked): boolean {
    const isAllowed = this.#options.policy.allows(asked);
    if (!isAllowed) this.denied.push(asked);
    return isAllowed;
  }
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html */
function rdsThings(given: URLSearchParams): string[] {
  const action = given.get('Action')!;
  if (action === 'DescribeDBInstanceAutomatedBackups') return ['auto-backup:ab-1'];
  const things: [parameter: string, type: string][] = [
    ['DBInstanceIdentifier', 'db:'],
    ['DBClusterIdentifier', 'cluster:'],
    ['DBSnapshotIdentifier', 'snapshot:'],
    ['DBClusterSnapshotIdentifier', 'cluster-snapshot:'],
    ['SourceDBSnapshotIdentifier', ''],
    ['SourceDBClusterSnapshotIdentifier', ''],
    ['TargetDBSnapshotIdentifier', 'snapshot:'],
    ['TargetDBClusterSnapshotIdentifier', 'cluster-snapshot:'],
  ];
  const named = things.flatMap(([parameter, type]) => (given.has(parameter) ? [`${type}${given.get(parameter)}`] : []));
  if (named.length > 0) return named;
  // a list of all
  return action === 'DescribeDBInstances' ? ['db:*'] : action === 'DescribeDBClusters' ? ['cluster:*'] : [];
}

const prefixes: Record<string, string> = {
  AWSStepFunctions: 'states',
  secretsmanager: 'secretsmanager',
  AmazonSSM: 'ssm',
  AmazonEC2ContainerServiceV20141113: 'ecs',
};

const rrsetActions: Record<string, string> = { GET: 'ListResourceRecordSets', POST: 'ChangeResourceRecordSets' };

/** Where a request goes, by its signature. */
function signedFor({ headers }: IncomingMessage): { region: string; service: string } | undefined {
  const [, region, service] = /\/([\w-]+)\/([\w-]+)\/aws4_request/.exec(headers.authorization ?? '') ?? [];
  return region === undefined || service === undefined ? undefined : { region, service };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
function objectAction(method: string, { searchParams }: URL): string {
  if (method === 'GET' || method === 'HEAD') return searchParams.has('versionId') ? 'GetObjectVersion' : 'GetObject';
  if (method === 'DELETE') return searchParams.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
  return 'PutObject';
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** With the same headers, so that the signature stays right. */
export async function forward(message: IncomingMessage, body: Buffer, to: string): Promise<Answer> {
  const { hostname, port } = new URL(to);
  const request = send({ hostname, port, method: message.method, path: message.url, headers: message.headers });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) };
}

function refuseS3({ method }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(403, { 'content-type': 'application/xml' });
  response.end(
    method === 'HEAD' ? undefined : '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
  );
}

function refuseJson(response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: 'AccessDeniedException', message: 'not authorized' }));
}

const errorXml = (code: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>not authorized</Message></Error></ErrorResponse>`;
