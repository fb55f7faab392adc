import type { ServerControl } from '#failover/server-control';
import type { SiteServer } from '#failover/site-server';
import type { FailoverGroup } from '#model/failover-group';
import type { Control, Site } from '#model/failover-site';
import type { Connection } from '#model/postgres-source';
import type { Environment } from '#runtime/environment';

export interface SiteOptions {
  environment: Environment;
  group: FailoverGroup;
}

/** One site's server by its kind. What a kind needs, an SDK above all, is only loaded for it. */
export async function openSiteServer({ name, server }: Site, options: SiteOptions): Promise<SiteServer> {
  switch (server.kind) {
    case 'postgres':
      return openPostgres(name, server, options.environment);
    case 'rds':
      return (await import('#runtime/rds-site')).openRdsSite({ name, server }, options);
    case 'aurora':
      return (await import('#runtime/aurora-site')).openAuroraSite({ name, server }, options);
  }
}

async function openPostgres(
  site: string,
  { connection, control }: Extract<Site['server'], { kind: 'postgres' }>,
  environment: Environment,
): Promise<SiteServer> {
  const { postgresSite } = await import('#runtime/postgres-site');
  return postgresSite({ site, connection, control: await openControl(control, connection, environment), environment });
}

async function openControl(control: Control, connection: Connection, environment: Environment): Promise<ServerControl> {
  const openSoft = async () => (await import('#runtime/control-sql')).controlSql(connection, environment);
  switch (control.kind) {
    case 'local':
      return (await import('#runtime/control-local')).controlLocal(control, { environment });
    case 'sql':
      return openSoft();
    case 'ec2':
      return (await import('#runtime/control-ec2')).controlEc2(control, { environment, soft: await openSoft() });
  }
}
