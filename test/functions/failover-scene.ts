import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SiteFacts } from '#failover/site-facts';
import type { SiteServer } from '#failover/site-server';
import { connection } from '#harness/move-scene';
import { StoredSource } from '#harness/stored-source';
import type { FailoverGroup } from '#model/failover-group';
import type { Notice } from '#model/notice';
import type { FunctionWorld } from '#runtime/function-world';
import { provideWorld } from '#runtime/function-world';

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';

/** A group of a plan whose servers say what a test wants, and whose bucket, files and witnesses are real. */
export class FailoverScene {
  readonly source: StoredSource;
  /** what each site is; a promise that never ends is a region that is gone */
  sites: Record<string, SiteFacts | Promise<never> | Error> = {};
  readonly told: [occasion: string, title: string][] = [];
  readonly started: { machine: string; name: string; input: Record<string, unknown> }[] = [];
  /** names of executions that run */
  running: string[] = [];
  /** why nothing can be started */
  startFails: Error | undefined;

  static async create(more: Record<string, unknown> = {}): Promise<FailoverScene> {
    const server = (port: number) => ({
      server: { kind: 'postgres', connection: connection(port), control: { kind: 'local', dataDir: `/srv/${port}` } },
    });
    const shop = {
      ...{ source: 'orders', home: 'east', sites: { east: server(5432), west: server(5433) } },
      names: [{ kind: 'file', path: 'endpoint', values: { east: '127.0.0.1:5432', west: '127.0.0.1:5433' } }],
      ...more,
    };
    const failover = `failover: ${JSON.stringify({ shop })}\n`;
    return new FailoverScene(await StoredSource.create({ sources: ['orders'], more: failover }));
  }

  private constructor(source: StoredSource) {
    this.source = source;
    Object.assign(this.group.names[0]!, { path: this.endpointPath });
    this.endpoint = '127.0.0.1:5432';
  }

  get group(): FailoverGroup {
    return this.source.plan.failover[0]!;
  }

  get endpointPath(): string {
    return join(this.source.folder, 'endpoint');
  }

  get endpoint(): string {
    return readFileSync(this.endpointPath, 'utf8').trim();
  }

  set endpoint(value: string) {
    writeFileSync(this.endpointPath, `${value}\n`);
  }

  get world(): FunctionWorld {
    return {
      ...this.source.world,
      publish: async (notice) => void this.told.push([(notice as Notice).occasion, (notice as Notice).title]),
      siteServers: async (_, { name }) => scripted(name, () => this.sites[name]!),
      executions: {
        start: async (machine, name, input) => {
          if (this.startFails) throw this.startFails;
          if (this.started.some((one) => one.name === name)) return 'exists';
          this.started.push({ machine, name, input: input as Record<string, unknown> });
          return 'started';
        },
        running: async () => this.running,
      },
    };
  }

  async invoke<T>(name: string, event: object): Promise<T> {
    provideWorld(this.world);
    const { handler } = (await import(`#functions/${name}`)) as { handler(event: object, context: never): Promise<T> };
    return handler(event, { functionName: name } as never);
  }

  remove(): void {
    this.source.remove();
  }
}

/** Nothing of it is ever changed by a plan or a watch, so whoever tries gets an error. */
function scripted(site: string, look: () => SiteFacts | Promise<never> | Error): SiteServer {
  const refuse = () => Promise.reject(new Error('this only looks'));
  return {
    site,
    look: async () => {
      const seen = look();
      if (seen instanceof Error) throw seen;
      return seen;
    },
    ...{ beforeFence: refuse, fence: refuse, unfence: refuse, promote: refuse },
  };
}
