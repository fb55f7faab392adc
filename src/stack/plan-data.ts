import { stringify } from 'yaml';
import { InputInvalid } from '#model/failure';
import { encodePlanData } from '#model/plan-data';
import { parsePlanFile } from '#model/plan-file';

/**
 * What a container gets of the plan. A task definition holds 64 KiB in all:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
 */
const mostCharacters = 48 << 10;

/** The whole plan, for tasks that work on any source. @throws InputInvalid when it is too long */
export function dataOfPlan(text: string, fileName: string): string {
  const data = encodePlanData(text);
  if (data.length <= mostCharacters) return data;
  throw new InputInvalid(
    fileName,
    `${data.length} characters when compressed`,
    `at most ${mostCharacters}, since a task definition holds no more`,
    'split its sources over two plans, and so over two stages',
  );
}

/**
 * What a receiver needs to know of the plan: where things go, and its own source. So it learns nothing of others, and goes
 * on undisturbed when something else in the plan is changed.
 */
export function dataOfSource(text: string, fileName: string, source: string): string {
  const { bucket, encryption, aws, sources } = parsePlanFile(text, fileName).content as Record<string, object>;
  const own = (sources as Record<string, object>)[source];
  return encodePlanData(stringify({ bucket, encryption, aws, sources: { [source]: own } }));
}
