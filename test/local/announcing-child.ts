import { announcePuts } from '#runtime/announce-puts';
import { openDirectoryStore } from '#store/directory-store';

/** Puts WAL and announces it until it is killed. */
const [bucket, folder, round] = process.argv.slice(2);
const store = announcePuts(await openDirectoryStore(bucket!), folder!, (message) => {
  throw new Error(message);
});
console.log('ready');
for (let n = 0; ; n++) {
  await Promise.all(
    ['a', 'b', 'c'].map((letter) =>
      store.put(`main/wal/7421/00000001/${round}-${n}-${letter}`, Buffer.alloc(1000), { condition: 'absent' }),
    ),
  );
}
