import { type Document, LineCounter, parseDocument, visit } from 'yaml';
import { PlanInvalid, type PlanProblem } from '#model/plan-invalid';

/** A plan as it was written: its nodes with their places, and the values that they stand for. */
export interface PlanFile {
  document: Document;
  lines: LineCounter;
  content: unknown;
}

/** Read YAML. @throws PlanInvalid with all that is not. No message quotes the file, for that may be a secret. */
export function parsePlanFile(text: string, fileName: string): PlanFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problemAt = (offset: number, message: string): PlanProblem => ({
    path: '',
    line: lines.linePos(offset).line,
    message: `is not YAML: ${message}`,
  });
  const problems = document.errors.map(({ code, pos, message }) =>
    problemAt(pos[0], code === 'DUPLICATE_KEY' ? 'this key is already there above' : message.split(/[:\n]/)[0]!),
  );
  visit(document, {
    Alias(_, alias) {
      if (!alias.resolve(document))
        problems.push(problemAt(alias.range![0], 'an alias (*) without its anchor (&) above'));
    },
  });
  if (problems.length > 0) throw new PlanInvalid(fileName, problems);
  return { document, lines, content: document.toJS() };
}
