import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainName, recordText, recordValues, valueProblem } from '#failover/dns-record';

test('names are the same in capitals, with a dot, and with octal codes', () => {
  for (const name of ['db.example.org', 'DB.Example.org.', 'd\\142.example.org.'])
    assert.equal(plainName(name), 'db.example.org');
  assert.equal(plainName('\\052.example.org.'), '*.example.org');
});

test('a value is the same in any order and form', () => {
  assert.equal(recordText('A', ['192.0.2.2', '192.0.2.1']), recordText('A', recordValues('A', '192.0.2.1, 192.0.2.2')));
  assert.equal(recordText('AAAA', ['2001:DB8:0::1']), '2001:db8::1');
  assert.equal(recordText('CNAME', ['East.Example.org.']), 'east.example.org');
});

test('what is no value of a type is told', () => {
  assert.equal(valueProblem('A', '192.0.2.1 192.0.2.2'), undefined);
  assert.equal(valueProblem('AAAA', '2001:db8::1'), undefined);
  assert.equal(valueProblem('CNAME', 'db-1.example.org.'), undefined);
  for (const [type, text] of [
    ['A', '192.0.2'],
    ['A', '::1'],
    ['A', ' '],
    ['AAAA', '192.0.2.1'],
    ['CNAME', '192.0.2.1'],
    ['CNAME', 'db.example.org:5432'],
    ['CNAME', 'a b'],
  ] as const)
    assert.notEqual(valueProblem(type, text), undefined, `${type} ${text}`);
});
