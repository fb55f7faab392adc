/** S3 says no: an error with S3's code, answered as XML. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** elements that this error has besides code and message */
  readonly detail: string;

  constructor(status: number, code: string, message = code, detail = '') {
    super(message);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }

  toXml(): string {
    const told = element('Code', this.code) + element('Message', this.message) + this.detail;
    return xml('Error', told + element('RequestId', 'strict'));
  }
}

export function xml(root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
}

export function element(name: string, text: string | number | boolean): string {
  return `<${name}>${escapeXml(String(text))}</${name}>`;
}

export function unescapeXml(text: string): string {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
