import { ObjectDamaged } from '#model/failure';

/** A small content as a whole, read to its end. @throws ObjectDamaged where it is longer than anybody expects */
export async function readAll(content: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const blocks: Buffer[] = [];
  let bytes = 0;
  for await (const block of content) {
    bytes += block.length;
    if (bytes > maxBytes) {
      throw new ObjectDamaged(`more than ${maxBytes} bytes of roles and tablespaces`, {
        operation: 'read object',
        subject: 'globals',
      });
    }
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}
