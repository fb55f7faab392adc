/** A runbook as it is printed: all is filled in, in the order in which it is read. Also what `--format json` shows. */
export interface Page {
  name: string;
  kind: 'machine' | 'situation';
  title: string;
  madeAt: string;
  /** absolute; null: there is none that can be read */
  plan: string | null;
  /** null: none is meant */
  source: string | null;
  /** of every command */
  environment: Readonly<Record<string, string>>;
  /** words in capitals that are to be replaced, and what for */
  fillIn: { word: string; means: string }[];
  sections: Section[];
}

export interface Section {
  key: string;
  title: string;
  items: Item[];
}

export interface Item {
  /** in this page, from 1 */
  number?: number;
  text: string;
  /** 1: inside of a step above */
  depth?: number;
  /** one of two ways: which */
  only?: string;
  details?: string[];
  commands?: PageCommand[];
  /** the last command waits for what the next steps do, in another terminal */
  waits?: true;
  /** the next step is for when what waits has ended, and ended well */
  ends?: true;
}

export interface PageCommand {
  /** word by word, the program first */
  argv: string[];
}

export const sectionOf = (key: string, title: string, items: readonly (Item | undefined)[]): Section[] => {
  const there = items.filter((item) => item !== undefined);
  return there.length === 0 ? [] : [{ key, title, items: there }];
};
