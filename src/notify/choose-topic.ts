import type { NoticeInput } from '#model/notice';
import { type Occasion, occasions } from '#model/notification';

/** The environment's variable with the ARN of each topic (topics.yml). */
export const topicVariables: Readonly<Record<Occasion, string>> = {
  failure: 'LIFEBOAT_FAILURE_TOPIC',
  question: 'LIFEBOAT_QUESTION_TOPIC',
  success: 'LIFEBOAT_SUCCESS_TOPIC',
};

/** Where a notice is published: by its occasion; that a failure is over goes to those who heard of it. */
export const topicVariableOf = ({ occasion, recovered }: Pick<NoticeInput, 'occasion' | 'recovered'>): string =>
  topicVariables[recovered ? 'failure' : occasion];

export const allTopicVariables: readonly string[] = occasions.map((occasion) => topicVariables[occasion]);
