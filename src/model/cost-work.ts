/**
 * What our own work takes. Requests are counted by bench/requests.ts, tasks have the sizes of tasks/tasks.yml and functions those
 * of functions/functions.yml; what goes by the network or the database is an estimate.
 */
export const work = {
  /** S3 requests for a stored object of WAL: the put, its record, the catalog's projection; and the reading back */
  putsPerWalObject: 3,
  getsPerWalObject: 12,
  /** parts are 64 to 256 MiB raw, stored in pieces of 8 MiB */
  pieceBytes: 8 * 2 ** 20,
  partBytes: 128 * 2 ** 20,
  segmentBytes: 16 * 2 ** 20,
  /** of raw bytes, for a task of its size */
  bytesPerSecond: { backup: 150e6, verify: 125e6, drill: 240e6, dump: 100e6, proveDump: 100e6, snapshot: 100e6 },
  /** what each task takes to begin */
  taskSeconds: 60,
  /** Spot, which drills and proofs of dumps try first, is not counted on */
  sizes: {
    receive: { cpus: 0.25, memoryGb: 0.5 },
    backup: { cpus: 2, memoryGb: 4 },
    verify: { cpus: 1, memoryGb: 2 },
    drill: { cpus: 4, memoryGb: 16 },
    dump: { cpus: 2, memoryGb: 4 },
    proveDump: { cpus: 4, memoryGb: 16 },
    expire: { cpus: 1, memoryGb: 2 },
  },
  /** of states, for each execution that succeeds; a snapshot's for each time it is looked at, too */
  transitions: {
    ...{ backup: 21, verify: 20, drill: 20, scrub: 7, dump: 13, retention: 9 },
    ...{ snapshot: 10, lookAtSnapshot: 4, copy: 2, lookAtCopy: 3 },
  },
  /** the two functions that an object of WAL invokes, and the watch of each minute */
  walSeconds: 0.3,
  walInvocations: 2,
  watchSeconds: 1,
  functionGb: 0.25,
  /** what Lambda and a function say each time it is invoked */
  logBytes: 1000,
  /** of a machine's functions, those that only look and record */
  stepSeconds: 1,
  /** those of retention list */
  retentionGb: 1,
  listSeconds: 0.2,
  keysPerList: 1000,
  deletesPerSecond: 1000,
  metrics: { ours: 21, managed: 5 },
  alarms: { ours: 9, managed: 3 },
  dumpAlarms: 2,
};
