import { KeyUnusable } from '#model/failure';
import type { KeyRing } from '#pipeline/data-key';
import type { Environment } from '#runtime/environment';

export function kmsKeyRing(kmsKey: string, _environment: Environment): KeyRing {
  throw new KeyUnusable(`${kmsKey}: not built yet`, { operation: 'open key ring', subject: kmsKey });
}
