import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readEventPattern } from '#local/event-pattern';
import type { Json } from '#local/integration';
import { InputInvalid } from '#model/failure';

const event: Json = {
  source: 'aws.s3',
  'detail-type': 'Object Created',
  resources: ['arn:aws:s3:::one', 'arn:aws:s3:::two'],
  empty: [],
  detail: {
    version: '0',
    size: 300,
    share: -0.5,
    flag: true,
    nothing: null,
    blank: '',
    name: 'Alpha*Beta\\x',
    object: { key: 'main/backups/x/manifest.json' },
    parts: [
      { name: 'a', size: 1 },
      { name: 'b', size: 2 },
    ],
  },
};

const detail = (pattern: Json): Json => ({ detail: pattern });
const key = (matcher: Json): Json => detail({ object: { key: [matcher] } });

describe('an event matches', () => {
  const patterns: Record<string, Json> = {
    'a value': { source: ['aws.ec2', 'aws.s3'] },
    'all fields': { source: ['aws.s3'], 'detail-type': ['Object Created'], detail: { version: ['0'] } },
    'one of an array': { resources: ['arn:aws:s3:::two'] },
    'a number': detail({ size: [300.0] }),
    'true and null': detail({ flag: [true], nothing: [null] }),
    'no text': detail({ blank: [''] }),
    prefix: key({ prefix: 'main/' }),
    'prefix of an array': { resources: [{ prefix: 'arn:aws:s3:::t' }] },
    'prefix in any case': key({ prefix: { 'equals-ignore-case': 'MAIN/' } }),
    suffix: key({ suffix: '/manifest.json' }),
    'suffix in any case': key({ suffix: { 'equals-ignore-case': '.JSON' } }),
    'any case': detail({ name: [{ 'equals-ignore-case': 'ALPHA*beta\\X' }] }),
    'wildcard in the middle': key({ wildcard: '*/backups/*/manifest.json' }),
    'wildcard for nothing': key({ wildcard: 'main/backups/x/manifest.json*' }),
    'wildcard at the ends': key({ wildcard: '*backups*' }),
    'wildcard that is a letter': detail({ name: [{ wildcard: 'Alpha\\*B*\\\\x' }] }),
    exists: detail({ nothing: [{ exists: true }], size: [{ exists: true }] }),
    'what is not there': detail({ missing: [{ exists: false }] }),
    'below what is not there': { missing: { deeper: [{ exists: false }] } },
    'an empty array is not there': { empty: [{ exists: false }] },
    'a map is no value': detail({ object: [{ exists: false }] }),
    'a value or absence': detail({ missing: ['x', { exists: false }] }),
    equal: detail({ size: [{ numeric: ['=', 300] }] }),
    range: detail({ size: [{ numeric: ['>', 0, '<=', 300] }], share: [{ numeric: ['<', 0] }] }),
    'anything but': detail({ version: [{ 'anything-but': '1' }], size: [{ 'anything-but': 5 }] }),
    'anything but these': detail({ version: [{ 'anything-but': ['1', '2'] }], size: [{ 'anything-but': [1, 2] }] }),
    'anything but a prefix': key({ 'anything-but': { prefix: 'other/' } }),
    'anything but suffixes': key({ 'anything-but': { suffix: ['.png', '.gif'] } }),
    'anything but in any case': key({ 'anything-but': { 'equals-ignore-case': ['X', 'Y'] } }),
    'anything but a wildcard': key({ 'anything-but': { wildcard: '*/wal/*' } }),
    'anything but one of an array': { resources: [{ 'anything-but': 'arn:aws:s3:::one' }] },
    'one map of an array': detail({ parts: { name: ['b'], size: [2] } }),
    or: { $or: [{ source: ['x'] }, { detail: { version: ['0'] } }] },
    'or inside': detail({ $or: [{ size: [1] }, { size: [{ numeric: ['>', 200] }] }], version: ['0'] }),
    'or in or': { $or: [{ source: ['x'] }, { $or: [{ source: ['y'] }, { source: ['aws.s3'] }] }] },
  };
  for (const [name, pattern] of Object.entries(patterns)) {
    test(name, () => assert.ok(readEventPattern(pattern).matches(event)));
  }
});

describe('an event does not match', () => {
  const patterns: Record<string, Json> = {
    'another value': { source: ['aws.ec2'] },
    'one field of two': { source: ['aws.s3'], 'detail-type': ['x'] },
    'a number as text': detail({ size: ['300'] }),
    'null for what is missing': detail({ missing: [null] }),
    'a prefix of a number': detail({ size: [{ prefix: '3' }] }),
    'the wrong case': key({ prefix: 'MAIN/' }),
    'a wildcard that ends too early': key({ wildcard: '*/backups/*/manifest' }),
    'a wildcard whose ends overlap': key({ wildcard: 'main/backups/x/manifest.json*.json' }),
    'a wildcard as a letter': key({ wildcard: 'main/\\*' }),
    'what is there': detail({ size: [{ exists: false }] }),
    'what is not there': detail({ missing: [{ exists: true }] }),
    'a map as a value': detail({ object: [{ exists: true }] }),
    'an empty array as a value': { empty: [{ exists: true }] },
    'a field of every object': detail({ toString: [{ exists: true }] }),
    'outside of a range': detail({ size: [{ numeric: ['>', 300, '<', 400] }] }),
    'text as a number': detail({ version: [{ numeric: ['=', 0] }] }),
    'anything but what is missing': detail({ missing: [{ 'anything-but': 'x' }] }),
    'anything but this': detail({ version: [{ 'anything-but': ['0', '1'] }] }),
    'anything but this number': detail({ size: [{ 'anything-but': [300] }] }),
    'anything but this prefix': key({ 'anything-but': { prefix: ['x', 'main/'] } }),
    'anything but all of an array': { resources: [{ 'anything-but': { prefix: 'arn:' } }] },
    'two maps of an array together': detail({ parts: { name: ['a'], size: [2] } }),
    'a field below a value': { source: { deeper: ['x'] } },
    or: { $or: [{ source: ['x'] }, { source: ['y'] }] },
    'or and another field': { $or: [{ source: ['aws.s3'] }, { source: ['y'] }], 'detail-type': ['x'] },
  };
  for (const [name, pattern] of Object.entries(patterns)) {
    test(name, () => assert.ok(!readEventPattern(pattern).matches(event)));
  }
});

describe('a pattern is refused, and the place named', () => {
  const patterns: [pattern: Json, problem: RegExp][] = [
    [{}, /^pattern: \{\} is not allowed/],
    [[], /^pattern: \[\]/],
    [{ source: 'aws.s3' }, /^pattern\.source: "aws\.s3" is not allowed: expected .*a list of values/],
    [{ source: [] }, /^pattern\.source: /],
    [{ detail: {} }, /^pattern\.detail: /],
    [{ source: [['a']] }, /^pattern\.source\.0: /],
    [
      { source: [{ cidr: '10.0.0.0/8' }] },
      /^pattern\.source\.0: "cidr" is not allowed: expected a value, or one of prefix,/,
    ],
    [{ source: [{ toString: 'x' }] }, /^pattern\.source\.0: "toString"/],
    [{ source: [{ prefix: 'a', suffix: 'b' }] }, /a map with one operator/],
    [{ source: [{ prefix: '' }] }, /^pattern\.source\.0\.prefix: "" /],
    [{ source: [{ prefix: 1 }] }, /text that is not empty/],
    [{ source: [{ prefix: { suffix: 'x' } }] }, /text, or equals-ignore-case/],
    [{ source: [{ exists: 'yes' }] }, /true or false/],
    [{ source: [{ numeric: ['!', 1] }] }, /one or two of/],
    [{ source: [{ numeric: ['>', '1'] }] }, /one or two of/],
    [{ source: [{ numeric: ['>', 1, '<'] }] }, /one or two of/],
    [{ source: [{ wildcard: 'a**b' }] }, /single asterisks/],
    [{ source: [{ wildcard: 'a\\b' }] }, /after a backslash/],
    [{ source: [{ 'anything-but': [] }] }, /texts, or numbers/],
    [{ source: [{ 'anything-but': ['a', 1] }] }, /texts, or numbers/],
    [{ source: [{ 'anything-but': { exists: true } }] }, /one of prefix, suffix, equals-ignore-case, wildcard/],
    [{ source: [{ 'anything-but': { prefix: [] } }] }, /at least one text/],
    [{ $or: [{ source: ['a'] }] }, /^pattern\.\$or: .*at least two/],
    [{ $or: [{ source: ['a'] }, {}] }, /^pattern\.\$or\.1: /],
  ];
  for (const [pattern, problem] of patterns) {
    test(JSON.stringify(pattern), () => {
      assert.throws(
        () => readEventPattern(pattern),
        (error) => error instanceof InputInvalid && problem.test(error.message),
      );
    });
  }
});
