/** Why a server has ended, or does not go on, of the lines that it said last; on one line. */
export const lastTrouble = (lines: readonly string[]): string => {
  const trouble = lines.findLastIndex((line) => /FATAL|PANIC|ERROR|^lifeboat: /.test(line));
  // what is wrong in a file is told before, and what ends before its logging begins has no such word
  const told = trouble === -1 ? lines.slice(-3) : lines.slice(Math.max(0, trouble - 2), trouble + 3);
  const saying = told.filter((line) => line !== '' && !/LOG: {2}(?:starting|listening|database system)/.test(line));
  return saying.map((line) => line.replace(/^[-\d: .A-Z]+ \[\d+\] /, '').trim()).join('; ') || 'it says nothing';
};
