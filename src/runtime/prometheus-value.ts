import { z } from 'zod';
import { oneLine } from '#model/plain-text';

/** [at, value]: a value is text, for JSON has no NaN and no infinity. */
const sample = z.tuple([z.number(), z.string()]);

/** Source: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
const answerSchema = z.union([
  z.object({ status: z.literal('error'), errorType: z.string().default('error'), error: z.string().default('') }),
  z.object({
    status: z.literal('success'),
    data: z.union([
      z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample })) }),
      z.object({ resultType: z.literal('scalar'), result: sample }),
      z.object({ resultType: z.enum(['matrix', 'string']) }),
    ]),
  }),
]);

/** The first value that an instant query answers; or in words why there is none. NaN is none: nothing is below it. */
export function firstValue(body: string): number | string {
  const answer = answerSchema.safeParse(parseJson(body));
  if (!answer.success) return 'the answer is none of Prometheus';
  if (answer.data.status === 'error') {
    const { errorType, error } = answer.data;
    return `Prometheus answers ${oneLine(`${errorType}: ${error}`, 200)}`;
  }
  const { data } = answer.data;
  if (!('result' in data)) return `the query answers a ${data.resultType}`;
  const [, text] = data.resultType === 'scalar' ? data.result : (data.result[0]?.value ?? []);
  if (text === undefined) return 'the query answers no value: nothing is measured';
  const value = text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
  return Number.isNaN(value) ? `the query answers ${oneLine(text, 30)}` : value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
