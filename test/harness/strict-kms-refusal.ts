/** KMS says no. https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html */
export class KmsRefusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
