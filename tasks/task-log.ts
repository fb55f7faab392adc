/** What a task says while it works: one JSON object a line, for people, CloudWatch and `lifeboat executions` alike. */
export interface TaskLog {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface TaskLogOptions {
  write(line: string): void;
  /** in each line */
  common: LogFields;
  now(): Date;
}

/** Bigints are written as text: they do not fit a JSON number. */
export function createTaskLog({ write, common, now }: TaskLogOptions): TaskLog {
  const line = (level: string, message: string, fields: LogFields = {}) => {
    const content = { time: now().toISOString(), level, message, ...common, ...fields };
    write(`${JSON.stringify(content, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`);
  };
  return {
    info: (message, fields) => line('INFO', message, fields),
    warn: (message, fields) => line('WARN', message, fields),
    error: (message, fields) => line('ERROR', message, fields),
  };
}
