import { Refusal } from './refusal.ts';

/**
 * What AWS allows in an execution's name, but for letters beyond ASCII and a dot at the beginning: it names a folder
 * and a part of object keys here. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
 * @throws Refusal InvalidName
 */
export function checkExecutionName(name: string): void {
  if (/^[\w!'()+=@-][\w!'()+=@.-]{0,79}$/.test(name)) return;
  throw new Refusal(
    'InvalidName',
    `Invalid Name: '${name.slice(0, 100)}': expected 1 to 80 of A-Z a-z 0-9 - _ . + = @ ! ' ( ), and no . first`,
  );
}
