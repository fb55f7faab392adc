import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createTransport } from 'nodemailer';
import type { SmtpServer } from '#model/notification';
import type { SendOutcome } from '#notify/deliver';
import type { EmailMessage } from '#notify/to-email';
import { certificateHint } from '#runtime/post-json';

export interface MailLogin {
  user: string;
  password: string;
}

export interface MailOptions {
  signal: AbortSignal;
  /** an authority to trust beside those that Node knows */
  ca?: string;
  /** whether TLS is spoken from the start */
  smtps?: boolean;
}

type MailHost = Pick<SmtpServer, 'host' | 'port'>;

/**
 * One message through one SMTP server. Port 465 speaks TLS from the start; elsewhere STARTTLS is used where it is offered, and
 * required before a password is sent. Certificates are checked. What the server says is not repeated, only its codes.
 */
export async function sendMail(
  server: MailHost,
  login: MailLogin | undefined,
  message: EmailMessage,
  { signal, ca, smtps = server.port === 465 }: MailOptions,
): Promise<SendOutcome> {
  const tls = {
    minVersion: 'TLSv1.2',
    ...(isIP(server.host) === 0 && { servername: server.host }),
    ...(ca && { ca }),
  } as const;
  // ours, so that it can be closed at any moment: nodemailer waits for a server that drips
  const socket = smtps ? connectTls({ ...server, ...tls }) : connect({ ...server });
  const close = () => socket.destroy();
  signal.addEventListener('abort', close, { once: true });
  try {
    await connected(socket, smtps ? 'secureConnect' : 'connect', signal);
    const transport = createTransport({
      host: server.host,
      port: server.port,
      connection: socket,
      secure: smtps,
      secured: smtps,
      requireTLS: login !== undefined && !smtps,
      ...(login && { auth: { user: login.user, pass: login.password } }),
      // deliver's timeout ends a try before these
      greetingTimeout: patienceMs,
      socketTimeout: patienceMs,
      tls,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const info = await transport.sendMail(mailOf(message));
    return refusedNote(info.rejected.length, message.to.length);
  } catch (error) {
    return outcomeOf(error, signal);
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}

const patienceMs = 30_000;

function connected(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    // stays: an error that nobody listens to would end the process
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    if (signal.aborted) socket.destroy();
  });
}

function mailOf({ from, to, subject, text, messageId, thread }: EmailMessage) {
  return {
    from: { name: 'Lifeboat', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject,
    text,
    messageId,
    ...(thread && { references: thread }),
    // https://www.rfc-editor.org/rfc/rfc3834#section-5: no answers of machines
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

function refusedNote(refused: number, all: number): SendOutcome {
  return refused === 0
    ? { taken: true }
    : { taken: true, note: `the mail server refused ${refused} of ${all} recipients: check the addresses in the plan` };
}

/** https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1: 4yz may pass, 5yz is for good. */
function outcomeOf(error: unknown, signal: AbortSignal): SendOutcome {
  if (signal.aborted) return { taken: false, again: true, reason: 'stopped' };
  const { code, responseCode } = smtpErrorOf(error);
  const said = [code, responseCode].filter((part) => part !== undefined).join(' ');
  const hint = /CERT|SIGNED|ISSUER/.test(said) ? certificateHint : hints[code ?? ''];
  const again = responseCode === undefined ? !forGood.has(code ?? '') : responseCode < 500;
  const reason = `the mail server did not take it${said === '' ? '' : `: ${said}`}`;
  return { taken: false, again, reason, ...(hint === undefined ? {} : { hint }) };
}

/** Of nodemailer's errors, the operating system's code where there is one, and the server's number. */
function smtpErrorOf(error: unknown): { code: string | undefined; responseCode: number | undefined } {
  const { originalCode, code, responseCode } = error as Record<string, unknown>;
  const known = [originalCode, code].find((one): one is string => typeof one === 'string' && /^[A-Z]\w+$/.test(one));
  return { code: known, responseCode: typeof responseCode === 'number' ? responseCode : undefined };
}

const forGood = new Set(['EAUTH', 'ENOAUTH', 'EENVELOPE']);

const hints: Record<string, string> = {
  EAUTH: 'check smtp.user and smtp.password in the plan; leave both out where the server asks for none',
  ETLS: 'a password is only sent under TLS: use port 587 with STARTTLS or 465, or leave out smtp.user and smtp.password',
  EENVELOPE: 'check from and to of this channel in the plan',
  ECONNREFUSED: 'nothing listens there: check smtp.host and smtp.port in the plan',
  ENOTFOUND: 'there is no such host: check smtp.host in the plan',
};
