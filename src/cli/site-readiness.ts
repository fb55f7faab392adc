import type { SiteFacts } from '#failover/site-facts';
import { standbyState } from '#failover/standby-state';
import type { FailoverGroup } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { formatBytes } from '#model/format-bytes';
import { quoteRole } from '#postgres/connection-failure';
import type { Finding } from '#postgres/readiness';
import { standbySlot } from '#postgres/standby-settings';
import { rewindFunctions, type SiteAbilities } from '#runtime/site-abilities';

export interface LookedAt {
  site: Site;
  facts: SiteFacts;
  /** absent: it does not answer, RDS runs it, or `whyNot` */
  can?: SiteAbilities;
  whyNot?: string;
}

/** Pure. What a move would find of one site, with the command that changes it. */
export function judgeSite(one: LookedAt, other: LookedAt, group: FailoverGroup): Finding[] {
  const { site, can, whyNot } = one;
  const findings = [
    judgeServer(one, other, group),
    judgeControl(one),
    ...(whyNot === undefined ? [] : [failed('role', `cannot be asked: ${whyNot}`, 'see the log of the server')]),
    ...(can ? [judgeRole(can), judgeRewind(can)] : []),
    ...(isStandby(one) && can?.role.monitor ? [judgeSlot(one, other)] : []),
  ];
  return findings.map((finding) => ({ ...finding, subject: `${site.name} ${finding.subject}` }));
}

const isStandby = ({ facts: { server } }: LookedAt): boolean => server.state === 'answers' && server.role === 'standby';

function judgeServer({ site, facts }: LookedAt, other: LookedAt, { limits }: FailoverGroup): Finding {
  const subject = 'server';
  const { server } = facts;
  if (server.state === 'absent') {
    const hint = `lifeboat failback makes a standby from a backup; else let control.dataDir lead to its files`;
    return warning(subject, 'neither a server nor its files: it would be restored from the bucket', hint);
  }
  if (server.state === 'silent')
    return failed(subject, server.why, `start it, or correct the connection of ${site.name}`);
  const there = other.facts.server;
  if (there.state === 'answers' && there.systemId !== server.systemId && site.server.kind === 'postgres')
    return failed(subject, `system ${server.systemId}, and ${other.site.name} is ${there.systemId}`, oneSystem);
  const where = server.timeline === null ? '' : `, timeline ${server.timeline}`;
  if (server.role === 'primary') return ok(subject, `primary${where}`);
  const { state, lagBytes, caughtUp } = standbyState(facts, other.facts, limits.lagBytes);
  const found = `standby, ${state}${lagBytes === null ? '' : `, ${formatBytes(lagBytes)} behind`}${where}`;
  if (caughtUp) return ok(subject, found);
  if (server.streams)
    return warning(subject, found, `a move is refused above limits.lag, ${formatBytes(limits.lagBytes)}`);
  return failed(subject, found, 'see its log: primary_conninfo, primary_slot_name, pg_hba.conf of the primary');
}

const oneSystem = 'a standby is a copy of its primary: make one by lifeboat failback, or correct the connection';

function judgeControl({ site, facts: { fence } }: LookedAt): Finding {
  const subject = 'control';
  const { server } = site;
  const kind = server.kind === 'postgres' ? server.control.kind : server.kind;
  const found = `${kind}: ${fence.how}`;
  if (fence.elsewhere)
    return failed(subject, found, 'ask each server: SHOW data_directory; and correct control or connection');
  if (!fence.fenced && !fence.possible) return failed(subject, `${found}, so it cannot be fenced`, fenceHints[kind]);
  if (fence.strength === 'hard') return ok(subject, found);
  return warning(
    subject,
    `${found}; clients can override it, and there is none once it is silent`,
    'give it control: local or ec2',
  );
}

const fenceHints = {
  local: 'run this, and the daemon, as root or as the account of the server, on the machine that has its files',
  ec2: 'see its instance and the rights of who runs this: ec2:DescribeInstances, ec2:StopInstances',
  sql: 'it can only be fenced while it answers: give it control: local or ec2',
  rds: 'see the instance, and the rights of who runs this',
  aurora: 'see the cluster, and the rights of who runs this',
};

function judgeRole({ role }: SiteAbilities): Finding {
  const subject = 'role';
  const { name, superuser, replication, monitor, promote } = role;
  if (superuser) return ok(subject, `${name} is a superuser`);
  const lacks = [
    ...(promote ? [] : [['may not promote', `GRANT EXECUTE ON FUNCTION pg_promote TO ${quoteRole(name)}`]]),
    ...(replication ? [] : [['may not replicate', `ALTER ROLE ${quoteRole(name)} REPLICATION`]]),
    ...(monitor ? [] : [['does not see whether it streams', `GRANT pg_monitor TO ${quoteRole(name)}`]]),
  ];
  if (lacks.length === 0) return ok(subject, `${name} may promote, replicate and look`);
  return failed(subject, `${name} ${lacks.map(([what]) => what).join(', ')}`, lacks.map(([, how]) => how).join('; '));
}

/** Without it an old primary that went its own way is restored from the bucket, which takes as long as that takes. */
function judgeRewind({ settings, role }: SiteAbilities): Finding {
  const subject = 'pg_rewind';
  const { walLogHints, dataChecksums, fullPageWrites } = settings;
  if (!walLogHints && !dataChecksums)
    return warning(subject, `impossible: ${restored}`, `ALTER SYSTEM SET wal_log_hints = 'on', and restart PostgreSQL`);
  if (!fullPageWrites)
    return warning(
      subject,
      `impossible: ${restored}`,
      `ALTER SYSTEM SET full_page_writes = 'on'; SELECT pg_reload_conf()`,
    );
  if (!role.rewind)
    return warning(
      subject,
      `not for ${role.name}: ${restored}`,
      `GRANT EXECUTE ON FUNCTION ${rewindFunctions.join(', ')} TO ${quoteRole(role.name)}`,
    );
  return ok(subject, dataChecksums ? 'possible, by data checksums' : 'possible, by wal_log_hints');
}

const restored = 'what diverged is restored from the bucket';

function judgeSlot({ site, can }: LookedAt, other: LookedAt): Finding {
  const subject = 'slot';
  const name = standbySlot(site.name);
  const slot = can?.receivesBy;
  if (slot) return ok(subject, `${slot}, at ${other.site.name}`);
  const exists = other.can?.slots.some((one) => one.name === name);
  const create = exists ? '' : `at ${other.site.name}: SELECT pg_create_physical_replication_slot('${name}', true); `;
  const use = `at ${site.name}: ALTER SYSTEM SET primary_slot_name = '${name}'; SELECT pg_reload_conf()`;
  return warning(subject, 'none: what it needs may be removed while it is away', create + use);
}

const ok = (subject: string, found: string): Finding => ({ subject, status: 'ok', found });
const warning = (subject: string, found: string, hint: string): Finding => ({
  subject,
  status: 'warning',
  found,
  hint,
});
const failed = (subject: string, found: string, hint: string): Finding => ({ subject, status: 'failed', found, hint });
