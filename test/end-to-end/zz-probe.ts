import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { TestDaemon } from '#harness/daemon';
const t0 = performance.now();
const lap = (what: string) => console.log(((performance.now() - t0) / 1000).toFixed(2), what);
const server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
lap('server');
const d = new TestDaemon(server);
await d.start();
lap('up');
try {
const { arn } = { arn: await d.machines.start('backup', { source: 'orders', type: 'full' }) };
await d.succeeded(arn);
lap('backup');
await d.settled();
lap('settled');
const b = await d.provenBackup();
lap('second proven ' + b);
const st = await d.run(['status']);
lap('status ' + st.exitCode); console.log(st.stdout, st.stderr);
const w = await d.run(['window']);
lap('window'); console.log(w.stdout, w.stderr);
const r = await d.askedRestore({ to: `${d.folder}/restored` });
lap('asked');
await d.answer(r.arn);
await d.succeeded(r.arn);
lap('restored');
for (const x of d.tasks()) console.log(x.id, x.task, x.execution, x.ended, x.supervisor, x.child);
for (const m of ['backup','verify','drill','restore']) console.log(m, d.journalRecords(m).length, d.journalRecords(m).map(x=>x.type).join(' '));
await d.kill9();
lap('killed');
await d.start();
lap('up');
console.log(await d.stop()); lap('stopped');
console.log(d.log);
} finally {
await d.remove(); await server.remove(); lap('removed'); }
