import { handler } from '#functions/tell';
import { printNotice } from '#model/notice';
import { openDirectoryStore } from '#store/directory-store';
import { notice } from '../notify/notice-sample.ts';
import { context, hook, snsEvent, worldOf } from './tell-scene.ts';

/* Tells a notice and comes as far as recording it, where its test kills it. argv: bucket, url of the webhook */
const [bucket, url] = process.argv.slice(2);
const store = await openDirectoryStore(bucket!);
const put = store.put.bind(store);
store.put = (key, ...rest) => {
  if (!key.startsWith('notices/')) return put(key, ...rest);
  process.stdout.write('sent\n');
  return new Promise(() => setInterval(() => undefined, 1_000));
};
worldOf(store, [hook], { HOOK: url! });
await handler(snsEvent('95df01b4-ee98-5cb9-9903-4c221d41eb5e', printNotice(notice())) as never, context);
