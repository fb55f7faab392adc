import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { parseBackupLabel, withoutIncrementalLines } from '#postgres/backup-label';

const full = `START WAL LOCATION: 16/4000028 (file 000000030000001600000004)
CHECKPOINT LOCATION: 16/4000080
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-20 05:29:50 UTC
LABEL: nightly: the big one
START TIMELINE: 3
`;
const incremental = `${full}INCREMENTAL FROM LSN: 16/2000028\nINCREMENTAL FROM TLI: 2\n`;

const read = {
  startWal: 0x16_0400_0028n,
  startSegment: '000000030000001600000004',
  checkpoint: 0x16_0400_0080n,
  method: 'streamed',
  from: 'primary',
  startTime: '2026-11-20 05:29:50 UTC',
  label: 'nightly: the big one',
  timeline: 3,
  incrementalFrom: undefined,
};

test('the label of a full backup is read', () => assert.deepEqual(parseBackupLabel(full), read));

test('the label of an incremental backup names the one it builds on', () => {
  const incrementalFrom = { startWal: 0x16_0200_0028n, timeline: 2 };
  assert.deepEqual(parseBackupLabel(incremental), { ...read, incrementalFrom });
});

test('without its incremental lines a label is that of a full backup, byte by byte', () => {
  assert.equal(withoutIncrementalLines(incremental), full);
  assert.equal(withoutIncrementalLines(full), full);
  assert.equal(withoutIncrementalLines(`INCREMENTAL FROM LSN: 0/1\r\n${full.trimEnd()}`), full.trimEnd());
});

test('lines that nobody knows are left alone', () => {
  assert.deepEqual(parseBackupLabel(`${full}MOOD: sunny\n\n`), read);
});

describe('a label is refused', () => {
  const cases: [string, string, RegExp][] = [
    ['that is empty', '', /START WAL LOCATION: nothing is not allowed/],
    ['without its timeline', full.replace(/START TIMELINE.*\n/, ''), /START TIMELINE: nothing/],
    ['without its checkpoint', full.replace(/CHECKPOINT.*\n/, ''), /CHECKPOINT LOCATION: nothing/],
    ['with a start that is no LSN', full.replace('16/4000028', '16-4000028'), /START WAL LOCATION: "16-4000028"/],
    ['without the start’s segment', full.replace(/ \(file.*\)/, ''), /START WAL LOCATION/],
    ['of timeline 0', full.replace('TIMELINE: 3', 'TIMELINE: 0'), /START TIMELINE: "0"/],
    ['with a timeline too large', full.replace('TIMELINE: 3', 'TIMELINE: 4294967296'), /START TIMELINE/],
    ['of an unknown method', full.replace('streamed', 'guessed'), /BACKUP METHOD: "guessed".*streamed or pg_start/],
    ['with a line twice', `${full}START TIMELINE: 4\n`, /START TIMELINE: "4".*the line once/],
    ['with half of the incremental lines', incremental.replace(/INCREMENTAL FROM TLI.*\n/, ''), /INCREMENTAL FROM TLI/],
  ];
  for (const [what, text, message] of cases) {
    test(what, () => {
      assert.throws(
        () => parseBackupLabel(text),
        (error: unknown) => {
          assert(error instanceof InputInvalid);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
