import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { toSlack } from '#notify/to-slack';
import { notice } from './notice-sample.ts';

test('a message to Slack says what happened, since when, and the command', () => {
  assert.deepEqual(toSlack(notice()), {
    text: 'FAILURE: main: the backup failed',
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: 'FAILURE: main: the backup failed', emoji: false } },
      { type: 'section', text: { type: 'mrkdwn', text: 'the server closed the connection', verbatim: true } },
      {
        type: 'section',
        text: { type: 'mrkdwn', text: '*What to do:*\n```lifeboat backup --source main```', verbatim: true },
      },
      {
        type: 'context',
        elements: [
          { type: 'mrkdwn', text: 'Since: 2026-11-20T05:13:45.000Z', verbatim: true },
          {
            type: 'mrkdwn',
            text: 'Execution: backup full-main-20261120T051300Z (arn:aws:states:local:000000000000:execution:backup:full-main-20261120T051300Z)',
            verbatim: true,
          },
        ],
      },
    ],
  });
});

test('nothing in it mentions a channel or becomes a link', () => {
  const evil = '<!channel> <!here|x> <@U123> <https://evil.example|approve> & @channel';
  const text = JSON.stringify(
    toSlack(notice({ title: evil, what: evil, todo: evil, machine: evil, execution: evil })).blocks,
  );
  const mrkdwn = [...text.matchAll(/"type":"mrkdwn","text":"([^"]*)","verbatim":true/g)].map(([, inside]) => inside!);
  assert.equal(mrkdwn.length, 4);
  for (const inside of mrkdwn) assert.doesNotMatch(inside, /[<>]/);
  assert.match(mrkdwn[0]!, /^&lt;!channel&gt; .* &amp; @channel$/);
  assert.doesNotMatch(toSlack(notice({ title: evil })).text, /[<>]/);
});

test('a command cannot leave its block', () => {
  const { blocks } = toSlack(notice({ todo: 'a ``` b', what: '' }));
  assert.equal((blocks[1] as { text: { text: string } }).text.text, "*What to do:*\n```a ''' b```");
});

test("what is too long is cut within Slack's limits, and never in the middle of an escape", () => {
  const texts = fc.string({ unit: fc.constantFrom('&', '<', '>', 'a', '😀', '`'), minLength: 700, maxLength: 6_000 });
  fc.assert(
    fc.property(texts, texts, (what, todo) => {
      const message = toSlack(notice({ what, todo, title: what.slice(0, 300), execution: what }));
      for (const block of message.blocks) {
        if (block.type === 'input' || block.type === 'actions') assert.fail('nobody is asked');
        const all = block.type === 'context' ? block.elements : [block.text];
        const limit = block.type === 'header' ? 150 : 3_000;
        for (const { text, type } of all) {
          assert.ok(text.length > 0 && text.length <= limit && text.isWellFormed(), `${text.length}`);
          if (type === 'mrkdwn') assert.doesNotMatch(text, /&(?!amp;|lt;|gt;)/);
        }
      }
      assert.ok(JSON.stringify(message).length < 40_000);
    }),
    { numRuns: 50 },
  );
});

test('a text of exactly the limit is not cut', () => {
  const texts = (what: string) => (toSlack(notice({ what })).blocks[1] as { text: { text: string } }).text.text;
  assert.equal(texts('a'.repeat(3_000)), 'a'.repeat(3_000));
  assert.equal(texts('a'.repeat(3_001)), `${'a'.repeat(2_999)}…`);
  assert.equal(texts('&'.repeat(600)), '&amp;'.repeat(600));
  assert.equal(texts('&'.repeat(601)), `${'&amp;'.repeat(599)}…`);
});
