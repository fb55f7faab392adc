// The machines as text, by name: of resources that are objects the framework takes away whatever is null, and `null` is a value.
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const folder = join(__dirname, '../../statemachines');
const suffix = '.asl.json';

const textOf = (file) => JSON.stringify(JSON.parse(readFileSync(join(folder, file), 'utf8')));

module.exports = () =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((file) => file.endsWith(suffix))
      .map((file) => [file.slice(0, -suffix.length), textOf(file)]),
  );
