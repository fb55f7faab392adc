import type { Question } from './fault-engine.ts';

/** The plan's: Ada asks for the moves, so Grace has to say yes. */
export const approvers = ['Ada', 'Grace'] as const;

export async function sayYes(question: Question): Promise<void> {
  await question.answer({ decision: 'approve', by: approvers[1] });
}
