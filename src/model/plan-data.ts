import { gunzipSync, gzipSync } from 'node:zlib';
import { InputInvalid } from '#model/failure';

/*
 * A plan as the environment of a container can hold it: LIFEBOAT_PLAN_DATA is base64 of gzip of the file's text.
 */
const variable = 'LIFEBOAT_PLAN_DATA';

/** No plan is that long: what inflates to more was not made by us. */
const mostTextBytes = 4 << 20;

export const encodePlanData = (text: string): string => gzipSync(text, { level: 9 }).toString('base64');

/** @throws InputInvalid for what is not such data, or is too long */
export function decodePlanData(data: string): string {
  const refuse = (found: string) => {
    const hint = 'deploy the stack again: packaging makes it of the plan';
    return new InputInvalid(variable, found, 'base64 of a plan that was compressed with gzip', hint);
  };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) throw refuse(`${data.length} characters that are not base64`);
  try {
    return gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: mostTextBytes }).toString('utf8');
  } catch (error) {
    const { code = 'what is no gzip' } = error as NodeJS.ErrnoException;
    const tooLong = code === 'ERR_BUFFER_TOO_LARGE';
    throw refuse(`${data.length} characters with ${tooLong ? `more than ${mostTextBytes} bytes in them` : code}`);
  }
}
