/** What a service answers to a request that it does not carry out; `type` is the name that AWS gives it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly type: string;
  /** of HTTP, where it is not 400 */
  readonly status: number | undefined;

  constructor(type: string, message: string, status?: number) {
    super(message);
    this.type = type;
    this.status = status;
  }
}
