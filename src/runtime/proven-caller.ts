import { ApprovalRefused, type Decision } from '#model/approval';
import { approvalHeader, approvalText, type CallerProof, checkProof } from '#model/caller-proof';
import { ConnectionFailed } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';

/** What is answered, and so what a proof has to be made for. */
export interface ProvenAnswer {
  execution: string;
  decision: Decision;
  plan: string;
}

/**
 * The ARN of who gives an answer, as STS confirms it; undefined where no proof is given. Nothing of the proof is in what
 * is thrown. @throws ApprovalRefused for a proof that is none; ConnectionFailed when STS cannot be asked
 */
export async function provenCaller(
  proof: unknown,
  answer: ProvenAnswer,
  { environment, now }: { environment: Environment; now: Date },
): Promise<string | undefined> {
  if (proof === undefined || proof === null) return undefined;
  const { endpoint, region = 'us-east-1' } = awsClientConfig(environment, 'sts');
  const approval = approvalText(answer);
  if (!isProof(proof)) throw unproven(answer, 'it is no map of url and approval');
  const checked = checkProof(proof, { approval, sts: { endpoint, region }, now });
  if (!checked.ok) throw unproven(answer, checked.reason);
  return askSts(checked.url, approval, answer);
}

const isProof = (proof: unknown): proof is CallerProof =>
  typeof proof === 'object' &&
  proof !== null &&
  ['url', 'approval'].every((name) => typeof (proof as Record<string, unknown>)[name] === 'string');

const patienceMs = 10_000;

async function askSts(url: string, approval: string, answer: ProvenAnswer): Promise<string> {
  let status: number;
  let body: string;
  try {
    // a redirect would carry the signed request to whom nobody named
    const response = await fetch(url, {
      headers: { [approvalHeader]: approval, accept: 'application/xml' },
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
    });
    status = response.status;
    body = await response.text();
  } catch (error) {
    throw unanswered((error as Error).name);
  }
  if (status === 429 || status >= 500) throw unanswered(`HTTP status ${status}`);
  const [, arn] =
    /<GetCallerIdentityResult>[\s\S]*?<Arn>(arn:aws[\w-]*:(?:iam|sts)::\d{12}:[\x21-\x3b\x3d-\x7e]+)<\/Arn>/.exec(
      body,
    ) ?? [];
  if (status === 200 && arn !== undefined) return arn;
  const [, code = `HTTP status ${status}`] = /<Code>(\w{1,100})<\/Code>/.exec(body) ?? [];
  throw unproven(answer, `STS does not confirm it: ${code}`);
}

const unproven = ({ execution, decision }: ProvenAnswer, reason: string): ApprovalRefused =>
  new ApprovalRefused(
    `the answer to ${execution.split(':').at(-1)} does not count: the proof of who answers is refused: ${reason}`,
    {
      operation: 'check who answers',
      subject: execution,
      hint: `give it once more with \`lifeboat ${decision}\`, which makes another proof; see that this machine's clock is right`,
    },
  );

const unanswered = (why: string): ConnectionFailed =>
  new ConnectionFailed(`STS did not answer who answers: ${why}`, {
    operation: 'check who answers',
    subject: 'sts:GetCallerIdentity',
    hint: 'give the answer once more; the function needs a way to STS (internet, NAT or a VPC endpoint for sts)',
  });
