import { z } from 'zod';
import { webAddress } from '#model/failover-health';
import { region } from '#model/failover-site';
import { section, text } from '#model/plan-field';

/** Somebody else who can say whether the primary is gone. What Lifeboat sees itself is no witness. */
export type Witness =
  /**
   * answers 2xx as long as it sees the primary, and 410 (Gone) while it does not. Whatever else it answers, and no answer, says
   * nothing of the primary: the witness itself may be in trouble, or what stands before it
   */
  | { kind: 'http'; url: string }
  /** an alarm of CloudWatch that is in ALARM while the primary is gone */
  | { kind: 'alarm'; alarm: string; region: string }
  /** a health check of Route 53 whose checkers, all over the world, see the primary as unhealthy */
  | { kind: 'route53'; healthCheck: string };

export const witness: z.ZodType<Witness> = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('http'), url: webAddress() }),
    section({ kind: z.literal('alarm'), alarm: text("an alarm's name", /^[^\n]{1,255}$/), region: region() }),
    section({ kind: z.literal('route53'), healthCheck: text("a health check's id", /^[0-9a-f-]{36}$/) }),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? 'one of http, alarm, route53' : 'a map with kind, …') },
);
