/** Where what runs without anybody asking tells what it did. */
export interface LocalLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
