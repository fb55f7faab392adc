/**
 * Who somebody is to AWS. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 *
 * Who has assumed a role is `arn:aws:sts::<account>:assumed-role/<role>/<session>`, without the role's path; so paths,
 * which names are unique without, are left out of every comparison.
 */
export interface IamIdentity {
  account: string;
  kind: 'user' | 'role';
  name: string;
  /** of a role that was assumed: who assumes it chooses it, unless the role's trust policy or the identity provider does */
  session: string | undefined;
}

/** undefined for what is no user's, role's or assumed role's ARN */
export function parseIamIdentity(arn: string): IamIdentity | undefined {
  const [, account, kind, name] =
    /^arn:aws[\w-]*:iam::(\d{12}):(user|role)\/(?:[!-~]*\/)?([\w+=,.@-]{1,64})$/.exec(arn) ?? [];
  if (account !== undefined) return { account, kind: kind as 'user' | 'role', name: name!, session: undefined };
  const [, of, role, session] =
    /^arn:aws[\w-]*:sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/([\w+=,.@-]{2,64})$/.exec(arn) ?? [];
  return of === undefined ? undefined : { account: of, kind: 'role', name: role!, session: session! };
}

/** Whether the identity of ARN `actual` is who the plan names by `named`: a role stands for all of its sessions. */
export function isNamedBy(actual: string, named: string): boolean {
  const [one, other] = [parseIamIdentity(actual), parseIamIdentity(named)];
  if (!one || !other) return actual === named;
  return isSamePrincipal(one, other) && (other.session === undefined || other.session === one.session);
}

/** Whether nothing but the session's name, which whoever assumes a role may choose, tells two ARNs apart. */
export function isSameIdentity(a: string, b: string): boolean {
  const [one, other] = [parseIamIdentity(a), parseIamIdentity(b)];
  return one && other ? isSamePrincipal(one, other) : a === b;
}

const isSamePrincipal = (a: IamIdentity, b: IamIdentity): boolean =>
  a.account === b.account && a.kind === b.kind && a.name === b.name;
