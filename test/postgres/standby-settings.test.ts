import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standbySettings, standbySlot } from '#postgres/standby-settings';

const primary = {
  host: 'db.example.org',
  port: 5433,
  user: "o'brian",
  database: 'postgres',
  sslmode: 'verify-full' as const,
  password: 'env:SECRET' as never,
};

test('the slot of a site has its name, as far as PostgreSQL takes it', () => {
  assert.equal(standbySlot('eu-west-1'), 'lifeboat_eu_west_1');
});

test('a standby is told whom to follow, where its password lies and not what it is', () => {
  const settings = standbySettings({
    primary,
    passwordFile: '/data/it\\s.pgpass',
    authorities: '/data.crt',
    site: 'eu-west-1',
    restoreCommand: "'lifeboat' 'wal-fetch' %f %p",
  });
  assert.deepEqual(settings, {
    primary_conninfo:
      "host='db.example.org' port='5433' user='o\\'brian' dbname='postgres' passfile='/data/it\\\\s.pgpass' " +
      "sslmode='verify-full' sslrootcert='/data.crt' gssencmode='disable' application_name='lifeboat_eu_west_1' connect_timeout='10'",
    primary_slot_name: 'lifeboat_eu_west_1',
    restore_command: "'lifeboat' 'wal-fetch' %f %p || exit 1",
    recovery_target_timeline: 'latest',
    hot_standby: 'on',
  });
});

test('an authority that the connection names counts', () => {
  const { primary_conninfo: conninfo } = standbySettings({
    primary: { ...primary, sslrootcert: '/mine.crt' },
    passwordFile: '/p',
    authorities: '/data.crt',
    site: 'east',
  });
  assert.match(conninfo!, /sslrootcert='\/mine\.crt'/);
});
