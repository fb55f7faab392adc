/** `error` is what Step Functions calls it, e.g. S3.NoSuchKeyException */
export class AwsSdkRefused extends Error {
  readonly error: string;
  constructor(error: string, message: string) {
    super(message);
    this.error = error;
  }
}
