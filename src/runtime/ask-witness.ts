import type { WitnessSays } from '#failover/witness-says';
import type { Witness } from '#model/failover-witness';
import type { Environment } from '#runtime/environment';
import { getPage } from '#runtime/get-page';

/** Ask one witness whether the primary is gone. It throws for no answer: who cannot be asked says `unknown`. */
export async function askWitness(
  witness: Witness,
  environment: Environment,
  signal: AbortSignal,
): Promise<WitnessSays> {
  switch (witness.kind) {
    case 'http':
      return askByHttp(witness.url, signal);
    case 'alarm':
      return (await import('#runtime/witness-alarm')).witnessAlarm(witness, environment, signal);
    case 'route53':
      return (await import('#runtime/witness-route53')).witnessRoute53(witness, environment, signal);
  }
}

/**
 * Only an answer can say that the primary is gone: 410. A witness that cannot be reached, or fails, may stand in the very fire that
 * it should tell of; and what stands before one answers 502, 503 or 504 by itself, which says nothing of the primary.
 */
async function askByHttp(url: string, signal: AbortSignal): Promise<WitnessSays> {
  const { origin, pathname } = new URL(url); // behind ? there may be a secret
  const what = `http ${origin}${pathname}`;
  const answer = await getPage(url, { signal });
  if (!answer.answered) return { what, says: 'unknown', detail: answer.why };
  const { status } = answer;
  const says = status === 410 ? 'gone' : status >= 200 && status < 300 ? 'there' : 'unknown';
  return { what, says, detail: `status ${status}` };
}
