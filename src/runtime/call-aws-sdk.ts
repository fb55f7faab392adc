import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { AwsSdkRefused } from './aws-sdk-refused.ts';
import { rdsNames, type SdkNames } from './rds-names.ts';

export { AwsSdkRefused };

/** One call of one action; `given` has the names that Step Functions gives its parameters. */
export type AwsSdkCall = (call: {
  service: string;
  action: string;
  given: unknown;
  signal: AbortSignal;
}) => Promise<unknown>;

interface Client {
  send(command: object, options: { abortSignal: AbortSignal }): Promise<object>;
}
interface Service {
  /** before the dot of its errors */
  title: string;
  /** where the SDK's own names of parameters are others */
  names?: SdkNames;
  /** the name of the client's class */
  client: string;
  load(): Promise<object>;
}

/** Loaded when they are first called: an SDK takes 10 MB and more. */
const services: Readonly<Record<string, Service>> = {
  s3: { title: 'S3', client: 'S3Client', load: () => import('@aws-sdk/client-s3') },
  sfn: {
    title: 'Sfn',
    names: { given: small, told: capital },
    client: 'SFNClient',
    load: () => import('@aws-sdk/client-sfn'),
  },
  sns: { title: 'Sns', client: 'SNSClient', load: () => import('@aws-sdk/client-sns') },
  lambda: { title: 'Lambda', client: 'LambdaClient', load: () => import('@aws-sdk/client-lambda') },
  rds: { title: 'Rds', names: rdsNames, client: 'RDSClient', load: () => import('@aws-sdk/client-rds') },
};

/**
 * Calls AWS, or what speaks like it at AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE> of the environment. `own`
 * configures the services that this process serves itself.
 */
export function createAwsSdk(environment: Environment, own: () => Readonly<Record<string, object>>): AwsSdkCall {
  const clients = new Map<string, Promise<{ module: Record<string, unknown>; client: Client }>>();
  return async ({ service, action, given, signal }) => {
    const known = Object.hasOwn(services, service) ? services[service] : undefined;
    if (!known) throw notKnown(`aws-sdk:${service}`, Object.keys(services));
    let opening = clients.get(service);
    if (!opening) {
      opening = open(known, { ...configOf(environment, service), ...own()[service] });
      clients.set(service, opening);
      opening.catch(() => clients.delete(service));
    }
    const { module, client } = await opening;
    const Command = module[`${capital(action)}Command`] as (new (input: unknown) => object) | undefined;
    if (!Command) throw notKnown(`aws-sdk:${service}:${action}`, actionsOf(module));
    try {
      const command = new Command(known.names ? renamed(given, known.names) : given);
      return await plainAnswer(await client.send(command, { abortSignal: signal }), known.names);
    } catch (error) {
      if (error instanceof AwsSdkRefused) throw error;
      if (signal.aborted) throw signal.reason;
      const name = (known.names?.error ?? errorName)(error, known.title);
      throw new AwsSdkRefused(`${known.title}.${name}`, (error as Error).message);
    }
  };
}

async function open({ client, load }: Service, config: object) {
  const module: Record<string, unknown> = { ...(await load()) };
  const Client = module[client] as new (config: object) => Client;
  return { module, client: new Client(config) };
}

function configOf(environment: Environment, service: string): object {
  const config = awsClientConfig(environment, service);
  return { ...config, ...(config.endpoint && service === 's3' && { forcePathStyle: true }) };
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
function small(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

const actionsOf = (module: Record<string, unknown>): string[] =>
  Object.keys(module)
    .filter((name) => name.endsWith('Command') && !name.startsWith('$'))
    .map((name) => small(name.slice(0, -'Command'.length)));

const notKnown = (what: string, known: readonly string[]): AwsSdkRefused =>
  new AwsSdkRefused('States.Runtime', `${what} cannot be called: there are ${known.join(', ')}`);

/** The names that Step Functions took over from the SDK for Java, where each ends with Exception. */
function errorName(error: unknown, title: string): string {
  const name = error instanceof Error ? error.name : 'Error';
  if (name === 'NotFound' && title === 'S3') return 'NoSuchKeyException';
  if (/^(?:Error|TypeError|Unknown\w*|\d+)$/.test(name)) return title === 'S3' ? 'S3Exception' : `${title}Exception`;
  return name.endsWith('Exception') ? name : `${name}Exception`;
}

/** As a machine sees it: bodies as text, times as ISO 8601, names with a capital first. */
async function plainAnswer(answer: object, names: SdkNames | undefined): Promise<unknown> {
  const { $metadata: _, ...rest } = answer as { $metadata?: unknown } & Record<string, unknown>;
  const entries = await Promise.all(
    Object.entries(rest).map(async ([name, value]) => [name, isBody(value) ? await value.transformToString() : value]),
  );
  const plain: unknown = JSON.parse(
    JSON.stringify(Object.fromEntries(entries), (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
    ),
  );
  return names ? renamed(plain, { given: names.told }) : plain;
}

const isBody = (value: unknown): value is { transformToString(): Promise<string> } =>
  typeof value === 'object' && value !== null && 'transformToString' in value;

function renamed(value: unknown, names: Pick<SdkNames, 'given' | 'value'>): unknown {
  if (Array.isArray(value)) return value.map((part) => renamed(part, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      names.given(name),
      typeof part === 'string' && names.value ? names.value(name, part) : renamed(part, names),
    ]),
  );
}
