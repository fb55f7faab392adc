import { AuthenticationFailed, ConnectionFailed, type Failure, ServerUnsuitable } from '#model/failure';
import type { ConnectionTarget } from '#postgres/connection-failure';

/** A connection that ended before the server answered as PostgreSQL does: the network, a socket, TLS, `pg` itself. */
export function explainNetworkError(error: unknown, target: ConnectionTarget): Failure {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const { host, port } = target;
  const detail = (hint: string) => ({ operation: 'connect', subject: `${host}:${port}`, cause: error, hint });
  const reason = reasons[code] ?? reasons[message];
  if (reason)
    return new ConnectionFailed(`cannot connect to ${host}:${port}: ${reason.said}`, detail(reason.hint(target)));
  if (message.startsWith('SASL: ') && message.includes('password')) {
    return new AuthenticationFailed(
      `${host}:${port} asks ${target.user} for a password and there is none`,
      detail(passwordHint),
    );
  }
  if (message === noTls) {
    return new ServerUnsuitable(
      `${host}:${port} does not speak TLS, which the plan's sslmode requires`,
      detail(tlsHint),
    );
  }
  if (certificateCode.test(code)) {
    return new AuthenticationFailed(
      `the certificate of ${host}:${port} is not trusted: ${message}`,
      detail(certificateHint),
    );
  }
  return new ConnectionFailed(
    `cannot connect to ${host}:${port}: ${message}`,
    detail('see whether the server runs and what its log says'),
  );
}

interface Reason {
  said: string;
  hint: (target: ConnectionTarget) => string;
}

const isSocket = ({ host }: ConnectionTarget): boolean => host.startsWith('/');

const running = (target: ConnectionTarget): string =>
  isSocket(target)
    ? `see whether the server runs, and SHOW unix_socket_directories and port (its socket would be ${target.host}/.s.PGSQL.${target.port})`
    : 'see whether the server runs, SHOW listen_addresses and port, and firewalls between';

const reached = (): string =>
  'see whether the address is right and firewalls, security groups and routes let us through';

/** By errno; by message where `pg` gives nothing else. */
const reasons: Record<string, Reason> = {
  ECONNREFUSED: { said: 'nothing listens there', hint: running },
  ENOENT: { said: 'there is no such socket', hint: running },
  ENOTDIR: { said: 'there is no such socket', hint: running },
  EACCES: {
    said: 'the socket may not be opened',
    hint: () => 'run as an account that may, or SHOW unix_socket_permissions',
  },
  ENOTFOUND: { said: 'there is no such host', hint: () => "check the name in the plan's connection.host" },
  EAI_AGAIN: { said: 'the name cannot be looked up now', hint: () => 'check the name, and that DNS answers here' },
  ETIMEDOUT: { said: 'no answer in time', hint: reached },
  'timeout expired': { said: 'no answer in time', hint: reached },
  EHOSTUNREACH: { said: 'the host cannot be reached', hint: reached },
  ENETUNREACH: { said: 'the network cannot be reached', hint: reached },
  ECONNRESET: { said: 'the server closed the connection', hint: () => 'see what its log says' },
  EPIPE: { said: 'the server closed the connection', hint: () => 'see what its log says' },
  'Connection terminated unexpectedly': {
    said: 'the server closed the connection',
    hint: () => 'see what its log says',
  },
};

const noTls = 'The server does not support SSL connections'; // lib/connection.js of pg 8
const passwordHint = 'give connection.password (env:NAME or file:/path), or a line in ~/.pgpass';
const tlsHint = "turn TLS on: ALTER SYSTEM SET ssl = 'on', or write sslmode: disable where the network is yours alone";

/* https://nodejs.org/api/tls.html#x509-certificate-error-codes, and https://nodejs.org/api/errors.html */
const certificateCode = /CERT|^UNABLE_TO_|^HOSTNAME_MISMATCH$|^CRL_|^INVALID_(CA|PURPOSE)$|^PATH_LENGTH_EXCEEDED$/;
const certificateHint =
  "connection.sslrootcert must hold the authority that signed it, and verify-full needs the host's name in it";
