import type { Decision } from '#model/approval';

/*
 * How somebody proves to a function who he is to AWS: he signs a request for STS GetCallerIdentity with his credentials
 * and sends what he signed, and the function has STS answer it. The secret stays where it is, and the request is good for
 * nothing else: its signature covers a header that names the one answer that it was made for.
 *
 *     x-lifeboat-approval: <ARN of the execution> <decision> <hash of the plan, as it was given>
 *
 * The URL is as good as the answer for five minutes: it is kept nowhere, and no message shows it.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export interface CallerProof {
  /** presigned */
  url: string;
  /** what the header says */
  approval: string;
}

export const approvalHeader = 'x-lifeboat-approval';

/** As long as a proof is taken, and as its own X-Amz-Expires may be. */
export const proofSeconds = 300;

/** What the header of a proof for this answer says; an execution's name may have letters that a header may not. */
export const approvalText = (answer: { execution: string; decision: Decision; plan: string }): string =>
  `${encodeURI(answer.execution)} ${answer.decision} ${answer.plan}`;

/** Where STS is asked: its own endpoint where one is configured, and then nothing else; else those of AWS. */
export interface StsPlace {
  endpoint: string | undefined;
  region: string;
}

/** `https://sts.<region>.amazonaws.com`, in China `.com.cn`. https://docs.aws.amazon.com/general/latest/gr/sts.html */
export const stsOrigin = ({ endpoint, region }: StsPlace): string =>
  endpoint === undefined
    ? `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
    : new URL(endpoint).origin;

export type ProofOutcome =
  /** what STS is to be asked, of the kind that can only tell who asks */
  { ok: true; url: string } | { ok: false; reason: string };

/** Whether a proof may be taken to STS: everything that can be known before STS is asked. */
export function checkProof(proof: CallerProof, expected: { approval: string; sts: StsPlace; now: Date }): ProofOutcome {
  const { approval, sts, now } = expected;
  if (proof.approval !== approval) return refuse('it was made for another answer');
  if (!URL.canParse(proof.url)) return refuse('it has no URL');
  const url = new URL(proof.url);
  const origins = sts.endpoint === undefined ? [stsOrigin(sts), 'https://sts.amazonaws.com'] : [stsOrigin(sts)];
  if (!origins.includes(url.origin)) return refuse(`its URL does not lead to ${origins.join(' or ')}`);
  if (url.username || url.password || url.pathname !== '/' || url.hash)
    return refuse('its URL is not that of STS alone');
  const problem = queryProblem(url.searchParams) ?? ageProblem(url.searchParams, now);
  return problem === undefined ? { ok: true, url: url.href } : refuse(problem);
}

const refuse = (reason: string): ProofOutcome => ({ ok: false, reason });

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, which is how STS reads it, too */
const parameters: Readonly<Record<string, RegExp>> = {
  Action: /^GetCallerIdentity$/,
  Version: /^2011-06-15$/,
  'X-Amz-Algorithm': /^AWS4-HMAC-SHA256$/,
  'X-Amz-Credential': /^[^/]{1,128}\/\d{8}\/[\w-]+\/sts\/aws4_request$/,
  'X-Amz-Date': /^\d{8}T\d{6}Z$/,
  'X-Amz-Expires': /^\d{1,3}$/,
  'X-Amz-SignedHeaders': new RegExp(`^host;${approvalHeader}$`),
  'X-Amz-Signature': /^[0-9a-f]{64}$/,
};
const optional: Readonly<Record<string, RegExp>> = { 'X-Amz-Security-Token': /^[\w+/=-]{1,4096}$/ };

/** Each once and as it should be, and no other: what STS might understand in another way is refused. */
function queryProblem(query: URLSearchParams): string | undefined {
  const names = [...query.keys()];
  const known = { ...parameters, ...optional };
  const odd = names.find((name) => !Object.hasOwn(known, name));
  if (odd !== undefined) return 'its URL has a parameter that does not belong there';
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return `its URL has ${twice} twice`;
  const missing = Object.keys(parameters).find((name) => !query.has(name));
  if (missing !== undefined) return `its URL has no ${missing}`;
  const wrong = names.find((name) => !known[name]!.test(query.get(name)!));
  if (wrong === 'X-Amz-SignedHeaders') return `it does not sign host and ${approvalHeader}, and nothing else`;
  return wrong === undefined ? undefined : `its URL has another ${wrong} than it should`;
}

function ageProblem(query: URLSearchParams, now: Date): string | undefined {
  if (Number(query.get('X-Amz-Expires')) > proofSeconds) return `it is good for more than ${proofSeconds} s`;
  const date = query.get('X-Amz-Date')!;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)!;
  const ageSeconds = (now.getTime() - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)) / 1000;
  if (Math.abs(ageSeconds) <= proofSeconds) return undefined;
  return `it was made at ${date}, and here it is ${now.toISOString()}`;
}
