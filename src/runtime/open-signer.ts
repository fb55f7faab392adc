import { access } from 'node:fs/promises';
import type { EvidenceSigner } from '#model/evidence-signer';
import type { Plan } from '#model/plan';
import type { Environment } from './environment.ts';
import { openSigningKey, publicKeyPath, readPublicKeys } from './signing-key.ts';

/** Who signs the evidence by this plan; undefined: nobody does. @throws KeyUnusable */
export async function openSigner(
  { evidence }: Pick<Plan, 'evidence'>,
  environment: Environment,
): Promise<EvidenceSigner | undefined> {
  if (!evidence) return undefined;
  if ('signingKey' in evidence.signer) return openSigningKey(evidence.signer.signingKey);
  return (await import('./kms-signer.ts')).kmsSigner(evidence.signer.kmsKey, environment);
}

/**
 * The public keys that this plan vouches for: of who signs now, and of those that did before. Of a key file the public half
 * will do. @throws KeyUnusable, StoreUnavailable
 */
export async function trustedKeys(plan: Pick<Plan, 'evidence'>, environment: Environment): Promise<string[]> {
  const { evidence } = plan;
  if (!evidence) return [];
  const former = evidence.formerKeys === undefined ? [] : await readPublicKeys(evidence.formerKeys);
  if ('signingKey' in evidence.signer) {
    const beside = publicKeyPath(evidence.signer.signingKey);
    if (!(await isThere(evidence.signer.signingKey)) && (await isThere(beside)))
      return [...(await readPublicKeys(beside)), ...former];
  }
  const signer = await openSigner(plan, environment);
  return [(await signer!.identify()).publicKey, ...former];
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
