import { listOf, section, text, yesOrNo } from '#model/plan-field';

/** What a dump of a source is. */
export interface DumpSettings {
  /** each once; absent: all that take connections and are no templates */
  databases?: string[];
  /** definitions without rows */
  schemaOnly: boolean;
  /** whether each dump is restored into a throw-away server before it counts as proven; else it is only read back */
  restoreTest: boolean;
}

const databases = listOf(text('the name of a database', /^[^\0\n]{1,63}$/), 'names of databases').refine(
  (names) => names.length > 0 && new Set(names).size === names.length,
  { error: 'names of databases, each once' },
);

export const dumpSettings = section({
  databases: databases.exactOptional(),
  schemaOnly: yesOrNo().default(false),
  restoreTest: yesOrNo().default(true),
}).prefault({});
