import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KmsKeys } from './strict-kms-keys.ts';
import { KmsRefusal } from './strict-kms-refusal.ts';
import { checkKmsSignature, type KmsCredentials, type KmsRequest } from './strict-kms-signature.ts';

/** What a service or a network does wrong: an error or nonsense instead of an answer, a cut connection, silence. */
export type KmsFault =
  | { kind: 'error'; code: string; status?: number }
  /** no JSON, with a data key in it */
  | { kind: 'garbled' }
  | { kind: 'reset' }
  | { kind: 'stall' };

/** When: by action and region, the next so many times (1). */
export interface KmsFaultRule {
  fault: KmsFault;
  action?: string;
  region?: string;
  times?: number;
}

/** Who may not do what: as a policy that denies. Evaluated before KMS looks for the key. */
export interface KmsDenial {
  action?: string;
  /** matched against the key as the request names it */
  keyId?: RegExp;
  /** matched against the values of the encryption context */
  context?: RegExp;
}

export interface StrictKmsRequest {
  region: string;
  action: string;
  keyId: string;
  context: Record<string, string>;
}

export interface StrictKms {
  endpoint: string;
  credentials: KmsCredentials;
  /** what a client takes to reach this server; the region is that of `where` */
  environment(where?: string): Record<string, string>;
  keys: KmsKeys;
  /** every request that was signed well, also those that a fault hit */
  requests: StrictKmsRequest[];
  faults: KmsFaultRule[];
  denials: KmsDenial[];
  /** the session of the credentials is over */
  expired: boolean;
  close(): Promise<void>;
}

/**
 * KMS on loopback, in all regions at once: a request is in the region that it is signed for. It refuses what KMS
 * refuses, really encrypts, and fails where told. Only what Lifeboat asks for; no parameter that it does not know.
 */
export async function startStrictKms(credentials: KmsCredentials = ownCredentials): Promise<StrictKms> {
  const kms = new StrictKmsServer(credentials);
  const http = createServer((message, response) => {
    kms.serve(message, response).catch((error: Error) => response.destroy(error));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  kms.endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  kms.onClose = async () => {
    http.close();
    http.closeAllConnections();
    await once(http, 'close');
  };
  return kms;
}

const ownCredentials: KmsCredentials = { accessKeyId: 'STRICTKMSACCESSKEY', secretAccessKey: 'strict/secret+key' };

class StrictKmsServer implements StrictKms {
  endpoint = '';
  readonly credentials: KmsCredentials;
  readonly keys = new KmsKeys();
  readonly requests: StrictKmsRequest[] = [];
  readonly faults: KmsFaultRule[] = [];
  readonly denials: KmsDenial[] = [];
  expired = false;
  onClose: () => Promise<void> = async () => undefined;

  constructor(credentials: KmsCredentials) {
    this.credentials = credentials;
  }

  close(): Promise<void> {
    return this.onClose();
  }

  environment(where = 'eu-central-1'): Record<string, string> {
    const { accessKeyId, secretAccessKey, sessionToken } = this.credentials;
    return {
      AWS_ENDPOINT_URL_KMS: this.endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
      AWS_REGION: where,
    };
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    try {
      const region = checkKmsSignature(request, this.credentials, { now: new Date(), expired: this.expired });
      const { action, input } = readAction(request);
      const { KeyId, EncryptionContext } = input;
      this.requests.push({ region, action, keyId: String(KeyId), context: contextOf(EncryptionContext) });
      const fault = this.#fault(action, region);
      if (fault?.kind === 'reset') return void message.socket.destroy();
      if (fault?.kind === 'stall') return;
      if (fault?.kind === 'error') throw new KmsRefusal(fault.code, 'Rate exceeded', fault.status);
      const content = JSON.stringify(this.#carryOut(action, region, input));
      answer(response, 200, fault ? content.replace(/"Plaintext":"([^"]*)"/, '"Plaintext":$1') : content);
    } catch (error) {
      if (!(error instanceof KmsRefusal)) throw error;
      const content = { __type: error.code, ...(error.message && { message: error.message }) };
      answer(response, error.status, JSON.stringify(content));
    }
  }

  #fault(action: string, region: string): KmsFault | undefined {
    const rule = this.faults.find(
      (one) => (one.action ?? action) === action && (one.region ?? region) === region && (one.times ?? 1) > 0,
    );
    if (rule) rule.times = (rule.times ?? 1) - 1;
    return rule?.fault;
  }

  #carryOut(action: string, region: string, input: Record<string, unknown>): object {
    const keyId = input.KeyId as string;
    const context = contextOf(input.EncryptionContext);
    this.#checkRight(action, keyId, context);
    const key = this.keys.find(keyId, region);
    if (action === 'GenerateDataKey') {
      const plaintext = randomBytes(32);
      const blob = this.keys.encrypt(key, plaintext, context);
      return {
        CiphertextBlob: blob.toString('base64'),
        Plaintext: plaintext.toString('base64'),
        KeyId: key.arn,
        KeyMaterialId: 'fdeb550d4c3c6e5f1e6b0dbbd9b3ba9d8c3cbd0c2b6c0f2f6a4de5b3bd1d0e7a',
      };
    }
    if (action === 'Encrypt') {
      const blob = this.keys.encrypt(key, bytesOf(input.Plaintext, 4096), context);
      return { CiphertextBlob: blob.toString('base64'), KeyId: key.arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    }
    if (action === 'GetPublicKey') {
      return {
        KeyId: key.arn,
        PublicKey: this.keys.publicKey(key).toString('base64'),
        KeySpec: 'ECC_NIST_P256',
        KeyUsage: 'SIGN_VERIFY',
        SigningAlgorithms: ['ECDSA_SHA_256'],
      };
    }
    if (action === 'Sign') {
      const signature = this.keys.sign(key, bytesOf(input.Message, 4096));
      return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm: 'ECDSA_SHA_256' };
    }
    const plaintext = this.keys.decrypt(key, bytesOf(input.CiphertextBlob, 6144), context);
    return { Plaintext: plaintext.toString('base64'), KeyId: key.arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
  }

  #checkRight(action: string, keyId: string, context: Record<string, string>): void {
    const denied = this.denials.some(
      (one) =>
        (one.action ?? action) === action &&
        (one.keyId?.test(keyId) ?? true) &&
        (one.context === undefined || Object.values(context).some((value) => one.context!.test(value))),
    );
    if (!denied) return;
    const who = 'arn:aws:sts::111122223333:assumed-role/lifeboat-test/session';
    throw new KmsRefusal(
      'AccessDeniedException',
      `User: ${who} is not authorized to perform: kms:${action} on resource: ${keyId} because no identity-based policy allows the kms:${action} action`,
    );
  }
}

/** https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html */
const parameters: Record<string, Record<string, (value: unknown) => boolean>> = {
  GenerateDataKey: { KeyId: isText, KeySpec: (value) => value === 'AES_256', EncryptionContext: isContext },
  Encrypt: { KeyId: isText, Plaintext: isText, EncryptionContext: isContext },
  Decrypt: { KeyId: isText, CiphertextBlob: isText, EncryptionContext: isContext },
  GetPublicKey: { KeyId: isText },
  Sign: {
    KeyId: isText,
    Message: isText,
    MessageType: (value) => value === 'RAW',
    SigningAlgorithm: (value) => value === 'ECDSA_SHA_256',
  },
};

function readAction({ method, path, headers, body }: KmsRequest): { action: string; input: Record<string, unknown> } {
  const [service, action = ''] = (headers.get('x-amz-target') ?? '').split('.');
  const known = Object.hasOwn(parameters, action) ? parameters[action]! : undefined;
  const spoken = method === 'POST' && path === '/' && headers.get('content-type') === 'application/x-amz-json-1.1';
  if (!spoken || service !== 'TrentService' || !known) throw new KmsRefusal('UnknownOperationException', '');
  const input = parse(body);
  const wrong = [...Object.keys(known), ...Object.keys(input)].find((name) => !known[name]?.(input[name]));
  if (wrong) throw new KmsRefusal('ValidationException', `1 validation error detected: Value at '${wrong}'`);
  return { action, input };
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  } catch {
    throw new KmsRefusal('SerializationException', '');
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** Everything that Lifeboat asks for has a context; a request without one is a mistake of ours. */
function isContext(value: unknown): boolean {
  const values = Object.entries(typeof value === 'object' && value !== null ? value : {});
  return values.length > 0 && values.every(([name, text]) => !name.startsWith('aws:') && isText(text));
}

const contextOf = (value: unknown): Record<string, string> => (value ?? {}) as Record<string, string>;

function bytesOf(value: unknown, most: number): Buffer {
  const bytes = Buffer.from(String(value), 'base64');
  if (bytes.length > 0 && bytes.length <= most) return bytes;
  throw new KmsRefusal('ValidationException', `1 validation error detected: a blob of ${bytes.length} bytes`);
}

async function readRequest(message: IncomingMessage): Promise<KmsRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const headers = new Map(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
  return { method: message.method ?? '', path: message.url ?? '', headers, body: Buffer.concat(chunks) };
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'strict' }).end(body);
}
