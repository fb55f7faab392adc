import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeScript, decodeText } from '#postgres/text-encoding';

test('text is read in the encoding of its database', () => {
  for (const [encoding, hex, text] of [
    ['UTF8', 'c3bc', 'ü'],
    ['LATIN1', 'fc', 'ü'],
    ['LATIN9', 'a4', '€'],
    ['LATIN5', 'fe', 'ş'],
    ['ISO_8859_5', 'b6', 'Ж'],
    ['WIN1251', 'c6', 'Ж'],
    ['WIN866', '86', 'Ж'],
    ['KOI8R', 'f6', 'Ж'],
    ['EUC_JP', 'b6ca', '曲'],
    ['EUC_CN', 'c4e3', '你'],
    ['SQL_ASCII', 'c3bc', 'ü'],
  ] as const)
    assert.equal(decodeText(Buffer.from(hex, 'hex'), encoding), text, encoding);
});

test('a script says itself what it is in', () => {
  const script = (encoding: string) =>
    Buffer.from(`SET client_encoding = '${encoding}';\nCREATE ROLE "ü";\n`, 'latin1');
  assert.match(decodeScript(script('LATIN1')), /CREATE ROLE "ü"/);
  assert.doesNotMatch(decodeScript(script('UTF8')), /ü/);
});
