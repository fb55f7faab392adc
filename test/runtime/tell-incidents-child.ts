import { createDirectoryStore } from '#store/directory-store';
import { tell } from './tell-incidents-scene.ts';

/** Tells what is due, until it is killed. */
const [folder, url] = process.argv.slice(2);
await tell(await createDirectoryStore(folder!), { HOOK: url! });
