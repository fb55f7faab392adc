import { Failure } from '#model/failure';

export interface PlanProblem {
  /** as written in the file: `sources.orders.checks[0].query`; empty for the file as a whole */
  path: string;
  /** from 1 */
  line: number;
  /** what is wrong and what is allowed; never holds a secret's value */
  message: string;
}

/** The plan cannot be used. Everything that is wrong with it is told at once, a line each. */
export class PlanInvalid extends Failure {
  readonly verdict = 'operator';
  readonly problems: readonly PlanProblem[];
  constructor(fileName: string, problems: readonly PlanProblem[]) {
    const lines = [...problems]
      .sort((a, b) => a.line - b.line)
      .map(({ line, path, message }) => `${fileName}:${line}: ${path === '' ? '' : `${path}: `}${message}`);
    super(lines.length === 1 ? lines[0]! : [`${fileName} has ${lines.length} problems`, ...lines].join('\n'), {
      operation: 'read plan',
      subject: fileName,
      hint: 'plan.example.yml shows a complete plan',
    });
    this.problems = problems;
  }
}
