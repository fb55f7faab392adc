import { sitesOf } from '#model/failover-group';
import type { Plan } from '#model/plan';

/*
 * The parts of a plan whose secrets a function of a move reads: of the servers that it asks, and of the clusters whose token the plan
 * has. What src/stack/plan-secrets.ts finds in them.
 */

/** Passwords of the servers of groups. */
export const siteSecrets = ({ failover }: Plan): unknown => failover.flatMap(sitesOf).map(({ server }) => server);

/** Tokens and authorities of the clusters in which something follows a primary. */
export const trafficSecrets = ({ failover }: Plan): unknown =>
  failover.map(({ capacity, settings }) => [...capacity, ...settings]);

/** Passwords of the names that move, where SQL is asked by them. */
export const healthSecrets = ({ failover, sources, managed }: Plan): unknown =>
  failover
    .filter(({ health }) => health.some(({ kind }) => kind === 'sql'))
    .flatMap((group) => [...sources, ...managed].filter(({ name }) => name === group.source))
    .map(({ connection }) => connection);

/** Tokens and authorities of the clusters in which applications of systems run. */
export const applicationSecrets = ({ systems }: Plan): unknown => systems.map(({ applications }) => applications);

/** The same of those in which their settings lie. */
export const settingSecrets = ({ systems }: Plan): unknown => systems.map(({ settings }) => settings);

/** Passwords of the servers that health checks of systems ask. */
export const systemHealthSecrets = ({ systems, sources }: Plan): unknown =>
  systems
    .flatMap(({ health }) => health)
    .filter(({ check }) => check.kind === 'sql')
    .map(({ source, connection }) => connection ?? sources.find(({ name }) => name === source)?.connection);
