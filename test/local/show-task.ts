/** Says what it was started with. */
const { OWN: own, FROM: from } = process.env;
process.stdout.write(JSON.stringify({ words: process.argv.slice(2), own, from }));
