import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { namesIn, parseArchiveList } from '#postgres/archive-list';
import { chooseTables } from '#recovery/choose-tables';

/** As pg_restore 15 printed it, but for the rows that say nothing more. */
const list = `;
; Archive created at 2026-11-20 14:36:06 UTC
;     dbname: shop
;
3400; 0 0 ENCODING - ENCODING 
3403; 1262 16386 DATABASE - shop alice
6; 2615 16387 SCHEMA - s postgres
7; 2615 16388 SCHEMA - DATA postgres
2; 3079 16500 EXTENSION - hstore 
847; 1247 16389 TYPE s mood postgres
;	depends on: 6
848; 1247 16390 TYPE s unused postgres
;	depends on: 6
224; 1255 16418 FUNCTION s f() postgres
;	depends on: 6
216; 1259 16394 TABLE s parent postgres
;	depends on: 6 847 2
218; 1259 16402 TABLE s my table postgres
;	depends on: 6
230; 1259 16403 TABLE DATA x postgres
;	depends on: 7
3405; 0 0 ACL s TABLE "my table" postgres
;	depends on: 218
3406; 0 0 ACL - SCHEMA s postgres
;	depends on: 6
217; 1259 16401 SEQUENCE s my table_id_seq postgres
;	depends on: 6 218
219; 1259 16420 SEQUENCE s shared postgres
;	depends on: 6
222; 1259 16431 VIEW s v postgres
;	depends on: 216 6
3226; 2604 16398 DEFAULT s my table n postgres
;	depends on: 219 218
3394; 0 16402 TABLE DATA s my table postgres
;	depends on: 218
3392; 0 16394 TABLE DATA s parent postgres
;	depends on: 216
3407; 0 0 SEQUENCE SET s my table_id_seq postgres
;	depends on: 217
3409; 0 0 SEQUENCE SET s shared postgres
;	depends on: 219
3234; 2606 16409 CONSTRAINT s my table my table_pkey postgres
;	depends on: 218
3231; 2606 16400 CONSTRAINT s parent parent_pkey postgres
;	depends on: 216
3232; 1259 16417 INDEX s i postgres
;	depends on: 218 218
3410; 0 0 COMMENT s INDEX i postgres
;	depends on: 3232
3242; 2620 16419 TRIGGER s my table tr postgres
;	depends on: 218 224
3243; 2618 16419 RULE s parent to_mine postgres
;	depends on: 216 218
3241; 2606 16412 FK CONSTRAINT s my table my_table_p_fkey postgres
;	depends on: 216 3231 218
3390; 6106 16442 PUBLICATION TABLE s pub my table postgres
;	depends on: 218 3389
`;
const entries = parseArchiveList(list);
const namesOf = (ids: readonly number[]) =>
  entries.filter(({ id }) => ids.includes(id)).map(({ kind, text }) => `${kind} ${text}`);

test('a table comes with what belongs to it and with what that needs, in the order of the archive', () => {
  const { tables, ids, leftOut } = chooseTables(entries, ['s.my table'], 'alice');
  assert.deepEqual(tables, ['s.my table']);
  assert.deepEqual(namesOf(ids), [
    'SCHEMA - s postgres',
    'FUNCTION s f() postgres',
    'TABLE s my table postgres',
    'ACL s TABLE "my table" postgres',
    'ACL - SCHEMA s postgres',
    'SEQUENCE s my table_id_seq postgres',
    'SEQUENCE s shared postgres',
    'DEFAULT s my table n postgres',
    'TABLE DATA s my table postgres',
    'SEQUENCE SET s my table_id_seq postgres',
    'SEQUENCE SET s shared postgres',
    'CONSTRAINT s my table my table_pkey postgres',
    'INDEX s i postgres',
    'COMMENT s INDEX i postgres',
    'TRIGGER s my table tr postgres',
  ]);
  assert.deepEqual(leftOut, ['FK CONSTRAINT s my table my_table_p_fkey postgres']);
  assert.deepEqual(
    ids,
    entries.map(({ id }) => id).filter((id) => ids.includes(id)),
  );
});

test('a foreign key comes where both tables do, and extensions come with what is made of them', () => {
  const { ids, leftOut } = chooseTables(entries, ['s.parent', 's.my table'], 'alice');
  assert.deepEqual(leftOut, []);
  assert.ok(ids.includes(3241) && ids.includes(2));
  assert.ok(!ids.includes(848) && !ids.includes(222));
});

test('what another table has to do with it does not bring that one along', () => {
  const { ids } = chooseTables(entries, ['s.my table'], 'alice');
  assert.ok(!ids.includes(3243) && !ids.includes(216));
});

test('a table that is not in the archive is refused, with the one that is nearest', () => {
  const refusal = (name: string) => {
    try {
      chooseTables(entries, [name], 'alice');
    } catch (failure) {
      assert.ok(failure instanceof InputInvalid);
      return failure.hint ?? '';
    }
    return assert.fail('it was found');
  };
  assert.match(refusal('s.parents'), /"s\.parent"/);
  assert.match(refusal('my table'), /"s\.my table"/);
  assert.match(refusal('completely.different'), /^the dump has s\.parent, s\.my table, /);
  assert.match(refusal('s.my'), /./); // its owner would be "table postgres"
});

test('names with blanks are read in all ways that leave a known owner', () => {
  const owners = new Set(['bob', 'big bob']);
  assert.deepEqual(namesIn('a b bob', owners), ['a.b']);
  assert.deepEqual(namesIn('a b stranger', owners), ['a.b']);
  assert.deepEqual(namesIn('a b big bob', owners), ['a.b', 'a.b big', 'a b.big']);
  assert.deepEqual(namesIn('a b c stranger', owners), []);
});
