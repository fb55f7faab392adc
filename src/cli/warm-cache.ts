import '#cli/main';
import '#cli/up';
import '#runtime/load-plan';
import '#runtime/publish-to-topic';
import '#runtime/send-mail';
import '#store/directory-store';
import { localFunctions } from '#local/local-functions';

/**
 * Load everything that a daemon loads, sooner or later, so that its compiled form is kept: a process that had to compile
 * it keeps the compiler's 25 MB as long as it runs.
 */
export async function warmCache(): Promise<void> {
  await Promise.all(Object.values(localFunctions).map((load) => load()));
}
