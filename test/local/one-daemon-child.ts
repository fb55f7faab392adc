import { becomeOneDaemon } from '#local/one-daemon';

/** Says whether it became the one daemon of a directory, and stays it until it is killed. */
try {
  await becomeOneDaemon(process.argv[2]!, { now: () => new Date() });
  console.log('one');
  setInterval(() => undefined, 1000);
} catch (failure) {
  console.log(`refused ${(failure as Error).name} ${(failure as Error).message}`);
}
