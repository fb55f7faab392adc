/** How many messages a channel got since a time. */
export interface Spent {
  /** ISO 8601 */
  from: string;
  sent: number;
  /** kept from it since then, as they were too many */
  heldBack: number;
}

/** `remark`: what a message has to say beside its own text */
export interface Allowance {
  isAllowed: boolean;
  remark: string | null;
  spent: Spent;
}

/** People read what comes now and then. A thousand messages hide the one that counts, and Slack refuses more than one a second. */
const most = 30;
const windowMs = 10 * 60_000;

/**
 * Whether a channel gets one more message now. The last one that it gets says that there are more, and the first one afterwards
 * how many there were, so that nobody takes silence for good news.
 */
export function allowMessage(spent: Spent | undefined, now: Date): Allowance {
  const ageMs = spent ? now.getTime() - Date.parse(spent.from) : Number.POSITIVE_INFINITY;
  // a time in the future is a clock that was set back
  if (!spent || ageMs < 0 || ageMs >= windowMs) {
    const fresh = { from: now.toISOString(), sent: 1, heldBack: 0 };
    return { isAllowed: true, remark: spent && spent.heldBack > 0 ? missed(spent) : null, spent: fresh };
  }
  if (spent.sent >= most) return { isAllowed: false, remark: null, spent: { ...spent, heldBack: spent.heldBack + 1 } };
  const sent = spent.sent + 1;
  return { isAllowed: true, remark: sent === most ? lastOne(spent) : null, spent: { ...spent, sent } };
}

const see = '`lifeboat status` shows all that is wrong.';

const missed = ({ from, heldBack }: Spent): string =>
  `${heldBack === 1 ? 'One message was' : `${heldBack} messages were`} not sent here after ${from}, as there were too many. ${see}`;

const lastOne = ({ from }: Spent): string =>
  `This is message ${most} since ${from}: no more are sent here before ${new Date(Date.parse(from) + windowMs).toISOString()}. ${see}`;
