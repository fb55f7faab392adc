/** What is done one after the other, since it reads the same server. */
export interface ServerLane<Item> {
  /** host and port */
  server: string;
  sources: Item[];
}

interface OnServer {
  connection: { host: string; port: number };
}

/** As many lanes for each server as may read it at the same time, and everything in one of them; the order is kept. */
export function serverLanes<Source extends OnServer, Item>(
  sources: readonly Source[],
  perServer: number,
  itemOf: (source: Source) => Item,
): ServerLane<Item>[] {
  const servers = Map.groupBy(sources, ({ connection: { host, port } }) => `${host.toLowerCase()}:${port}`);
  return [...servers].flatMap(([server, found]) => {
    const width = Math.min(perServer, found.length);
    return Array.from({ length: width }, (_, lane) => ({
      server,
      sources: found.filter((_, index) => index % width === lane).map(itemOf),
    }));
  });
}
