/** What marks the command in the description of an alarm of ours: its first line is the title, its last one this. */
export const todoMark = 'TODO: ';
