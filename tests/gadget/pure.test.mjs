// What of the agent's page needs no browser. Run by `tests/gadget.rs`, or: node --test tests/gadget
import assert from 'node:assert/strict';
import test from 'node:test';

import { contrast, readable, textOn } from '../../src/gadget/colour.js';
import { blocked, handOver } from '../../src/gadget/actions.js';
import { web } from '../../src/gadget/dom.js';
import { body, named } from '../../src/gadget/form.js';
import { grouped, same } from '../../src/gadget/number.js';
import * as pops from '../../src/gadget/pops.js';
import { parser, Stream, Streams, wait } from '../../src/gadget/stream.js';
import { clockwork } from '../../src/gadget/time.js';
import { choose, speaker } from '../../src/gadget/words.js';

const pop = (id, popId, state = 'ringing', more = {}) => ({ type: 'pop', id, pop_id: popId, epoch: 1, state, at: `2026-11-21T10:00:0${id % 10}Z`, page: 'customer', ring: {}, lookup: {}, ...more });

test('text can be read on every label', () => {
  for (let red = 0; red < 256; red += 15) for (let green = 0; green < 256; green += 15) for (let blue = 0; blue < 256; blue += 15) {
    const colour = `#${[red, green, blue].map((part) => part.toString(16).padStart(2, '0')).join('')}`;
    assert.ok(contrast(colour, textOn(colour)) >= 4.5, colour);
    for (const ground of ['#ffffff', '#16181b']) assert.ok(contrast(readable(colour, ground), ground) >= 4.5, `${colour} on ${ground}`);
  }
});

test('a ring never takes the page from a call', () => {
  const state = pops.create();
  assert.equal(pops.apply(state, pop(1, 'a')).isNew, true);
  pops.apply(state, pop(2, 'b'));
  assert.equal(state.shown, 'a');
  pops.apply(state, pop(3, 'a', 'answered'));
  pops.apply(state, pop(4, 'c'));
  assert.deepEqual([state.shown, pops.waiting(state).map(({ pop_id: id }) => id)], ['a', ['b', 'c']]);
  pops.apply(state, pop(5, 'b', 'answered'));
  assert.equal(state.shown, 'a', 'the agent chooses between two calls');
  pops.apply(state, pop(6, 'a', 'ended'));
  assert.equal(state.shown, 'b');
  pops.apply(state, { ...pop(7, 'c'), type: 'clear' });
  assert.equal(pops.waiting(state).length, 0);
  pops.apply(state, pop(8, 'b', 'ended'));
  assert.deepEqual([state.shown, pops.pageOf(state)], ['b', 'unknown'], 'an ended call stays for its wrap-up');
  pops.apply(state, pop(9, 'd'));
  assert.equal(state.shown, 'd', 'the next ring takes its place');
});

test('the one that is answered has the page', () => {
  const state = pops.create();
  pops.apply(state, pop(1, 'a'));
  pops.apply(state, pop(2, 'b'));
  pops.apply(state, pop(3, 'b', 'answered'));
  assert.equal(state.shown, 'b');
});

test('what is older than what is known changes nothing', () => {
  const state = pops.create();
  pops.apply(state, pop(5, 'a', 'answered'));
  assert.deepEqual(pops.apply(state, pop(4, 'a')), {});
  assert.equal(state.pops.get('a').state, 'answered');
  assert.equal(pops.apply(state, pop(5, 'a', 'answered')).isNew, false, 'the same again is no new pop');
  assert.ok(pops.apply(state, pop(1, 'b', 'ringing', { epoch: 2 })).pop);
  assert.deepEqual(pops.apply(state, pop(9, 'a', 'ended')), {}, 'a lower epoch');
  assert.ok(pops.apply(state, pop(2, 'a', 'ended', { epoch: 2 })).pop, 'another term counts anew');
});

test('a reload goes on where it was', () => {
  const before = pops.create();
  pops.apply(before, pop(1, 'a'));
  pops.apply(before, pop(2, 'b'));
  pops.show(before, 'b');
  const state = pops.create(JSON.parse(JSON.stringify(pops.memory(before))));
  assert.equal(pops.apply(state, pop(1, 'a')).isNew, false);
  assert.equal(pops.apply(state, pop(2, 'b')).isNew, false);
  assert.equal(state.shown, 'b');
});

test('another tab shows it', () => {
  const state = pops.create();
  pops.apply(state, pop(1, 'a'));
  pops.yieldPop(state, 'a');
  assert.equal(pops.pageOf(state), 'elsewhere');
  pops.apply(state, pop(2, 'a', 'answered'));
  pops.yieldPop(state, 'a');
  assert.equal(pops.pageOf(state), 'waiting');
  pops.show(state, 'a');
  assert.equal(pops.pageOf(state), 'unknown');
});

test('what the server no longer has is over', () => {
  const state = pops.create();
  pops.apply(state, pop(1, 'a', 'answered', { call_id: '1' }));
  pops.apply(state, pop(2, 'b', 'ringing', { call_id: '2' }));
  pops.begin(state, 1);
  assert.deepEqual(['a', 'b'].map((id) => state.pops.get(id).state), ['answered', 'ringing'], 'not before all were told');
  // Whatever its id is: what is told anew is what there is.
  assert.equal(pops.apply(state, pop(1, 'c', 'ringing', { call_id: '3' })).isNew, true);
  pops.apply(state, pop(4, 'd', 'ringing', { call_id: '4' }));
  assert.deepEqual(['a', 'b', 'c', 'd'].map((id) => state.pops.get(id).state), ['ended', 'missed', 'ringing', 'ringing']);
  pops.begin(state, 0);
  assert.equal(pops.waiting(state).length, 0);
});

test('another node tells a call again, and it is shown once', () => {
  const state = pops.create();
  pops.apply(state, pop(7, 'node-a.1', 'ringing', { call_id: '1' }));
  state.fired.push('node-a.1:ring');
  pops.begin(state, 2);
  assert.equal(pops.apply(state, pop(3, 'node-a.1', 'ringing', { call_id: '1', epoch: 2 })).isNew, false);
  assert.equal(pops.apply(state, pop(3, 'node-b.1', 'ringing', { call_id: '2', epoch: 2 })).isNew, true);
  assert.deepEqual([state.shown, pops.waiting(state).length], ['node-a.1', 1]);
  // Both nodes heard it ring, and named its pop apart.
  pops.begin(state, 1);
  assert.equal(pops.apply(state, pop(9, 'node-b.7', 'ringing', { call_id: '1', epoch: 2 })).isNew, false);
  assert.deepEqual([state.shown, pops.waiting(state).length, state.fired], ['node-b.7', 0, ['node-a.1:ring', 'node-b.7:ring']]);
  // In the ordinary course of things the same call at the same desk is another pop.
  assert.equal(pops.apply(state, pop(12, 'node-b.8', 'ringing', { call_id: '1', epoch: 2 })).isNew, true);
});

test('pages are the customer’s as of now', () => {
  const state = pops.create();
  const page = (more) => { pops.apply(state, pop(1, 'a', 'ringing', more)); return pops.pageOf(state); };
  const customer = { cases: [{ id: '1', status: 'Closed' }] };
  assert.equal(page({ page: 'several' }), 'several');
  assert.equal(page({ lookup: { customer } }), 'customer');
  assert.equal(page({ lookup: { customer: { cases: [{ id: '2' }] } } }), 'case');
  assert.equal(page({ page: 'withheld', lookup: {} }), 'withheld');
  assert.equal(page({ page: 'unknown', pending: { id: 'x' } }), 'customer');
});

test('events come whole, however they are cut', () => {
  const text = ': heartbeat\n\nretry: 1000\nid: 7\nevent: pop\r\ndata: {"a":\ndata: 1}\n\ndata:x\n\n';
  for (let size = 1; size < text.length; size += 1) {
    const told = [];
    const parse = parser((data) => told.push(data));
    for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
    assert.deepEqual(told, ['{"a":\n1}', 'x'], `in pieces of ${size}`);
  }
});

test('waits grow, differ and end', () => {
  assert.equal(wait(0, 0), 250);
  assert.equal(wait(0, 1), 500);
  assert.ok(wait(3, 0) > wait(1, 1));
  assert.equal(wait(1000, 1), 5000);
});

test('only the web is linked to', () => {
  assert.equal(web('https://example.com/a?b=1'), 'https://example.com/a?b=1');
  for (const text of ['javascript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', '//example.com', 'example.com', 'file:///etc/passwd', null, 'vbscript:x']) assert.equal(web(text), null, String(text));
});

test('numbers are handed over by the schemes of telephones', () => {
  assert.equal(handOver('tel:{number}', '+1480'), 'tel:+1480');
  assert.equal(handOver('https://dial.example/?n={number}', '+1 4&x'), 'https://dial.example/?n=+1%204%26x');
  for (const template of ['javascript:{number}', '{number}', '', undefined]) assert.equal(handOver(template, 'javascript:alert(1)'), null);
});

test('who does not want it is not called', () => {
  const app = { t: (key) => key };
  assert.equal(blocked(app, 'call', { flags: { do_not_call: true } }, '1'), 'whyNotCall');
  assert.equal(blocked(app, 'text', { flags: { do_not_sms: true } }, '1'), 'whyNotSms');
  assert.equal(blocked(app, 'text', { flags: { do_not_call: true } }, '1'), undefined);
  assert.equal(blocked(app, 'call', null, null), 'noNumber');
});

test('numbers on file are found again', () => {
  assert.equal(grouped('+14806754110'), '(480) 675-4110');
  assert.equal(grouped('+442079460958'), '+442079460958');
  assert.ok(same('(480) 675-4110', '+14806754110') && same('020 7946 0958', '+442079460958'));
  assert.ok(!same('4110', '+14806754110') && !same('', '') && !same(undefined, null));
});

test('the form sends what was filled in, and finds the field that is to blame', () => {
  const fields = new Map([['name', {}], ['phone', {}], ['email', {}], ['born', {}]]);
  assert.deepEqual(body({ name: ' Ada ', phone: '', email: 'a@b', born: '', more: true }, fields), { name: 'Ada', company: undefined, phones: [], attributes: { email: 'a@b' } });
  assert.deepEqual(['attributes.email', 'phones[0].number', 'first_name', 'customer.x', undefined].map((field) => named(field, fields)), ['email', 'phone', 'name', null, null]);
});

test('times are said as people say them', () => {
  const now = Date.parse('2026-11-21T12:00:00');
  const time = clockwork('en', () => now);
  const before = (seconds) => time.ago(new Date(now - seconds * 1000).toISOString());
  assert.deepEqual([10, 120, 7200, 86400, 3 * 86400, 40 * 86400, 800 * 86400].map(before), ['now', '2 minutes ago', '2 hours ago', 'yesterday', '3 days ago', 'last month', '2 years ago']);
  assert.deepEqual([0, 65, 3725].map(time.length), ['0:00', '1:05', '1:02:05']);
  assert.equal(time.day('1815-12-10'), 'Dec 10, 1815', 'a date is the same date in every zone');
  assert.equal(time.exact('not a time'), 'not a time');
});

test('languages are chosen and have their plurals', async () => {
  assert.equal(choose([null, 'fr', 'de-AT', 'en']).language, 'de');
  assert.equal(choose(['fr']).language, 'en');
  const { default: table } = await import('../../src/gadget/words/de.js');
  const t = speaker(table, 'de');
  assert.equal(t('shares', { n: 1 }), '1 Person hat diese Nummer');
  assert.equal(t('findTotal', { n: 12345 }), '12.345 Kunden');
});

/** A server that tells each connection its messages, and then ends it or says nothing more. */
function server(...connections) {
  const asked = [];
  globalThis.fetch = async (address, { signal }) => {
    asked.push(new URL(address).searchParams.get('last_event_id'));
    const connection = connections[asked.length - 1] ?? { refused: true };
    if (connection.refused) return { ok: false, status: 401 };
    const bytes = (message) => new TextEncoder().encode(`data: ${JSON.stringify(message)}\n\n`);
    const body = new ReadableStream({
      start(control) {
        for (const message of connection.messages) control.enqueue(bytes(message));
        if (!connection.silent) control.close();
        signal.addEventListener('abort', () => { try { control.error(new Error('aborted')); } catch { /* over */ } });
      },
    });
    return { ok: true, status: 200, body };
  };
  const told = [];
  const stream = new Stream({ address: () => new URL('http://desk.example/events'), headers: () => ({}) }, (message) => {
    told.push([message.type, message.id]);
    if (message.type === 'pop') stream.onPop?.();
  }, () => {});
  // Nobody waits in a test.
  const sleep = globalThis.setTimeout;
  globalThis.setTimeout = (act, ms) => sleep(act, ms / 100);
  return { asked, told, stream, run: () => stream.run().finally(() => { globalThis.setTimeout = sleep; }) };
}

const hello = (id, more = {}) => ({ type: 'hello', id, epoch: 1, reset: false, pops: 0, heartbeat_ms: 1000, ...more });

test('a stream that says nothing more is left within two heartbeats', async () => {
  const { asked, stream, run } = server({ silent: true, messages: [hello(3, { reset: true }), pop(4, 'a')] }, { messages: [hello(4)] });
  const began = Date.now();
  await run();
  assert.deepEqual(asked, [null, '4', '4']);
  assert.ok(stream.silence === 2500 && Date.now() - began >= 25);
});

test('a network that is another one has the stream come back at once', async () => {
  const { asked, stream, run } = server({ silent: true, messages: [hello(3, { reset: true, heartbeat_ms: 1e6 }), pop(4, 'a')] });
  stream.onPop = () => queueMicrotask(() => stream.again());
  await run();
  assert.deepEqual(asked, [null, '4']);
});

test('an earlier term is not believed', async () => {
  const { asked, told, stream, run } = server(
    { messages: [hello(3, { epoch: 5 }), pop(4, 'a', 'ringing', { epoch: 5 })] },
    { messages: [hello(9, { epoch: 4, reset: true }), pop(9, 'b', 'ringing', { epoch: 4 })] },
    { messages: [hello(4, { epoch: 6 }), pop(5, 'c', 'ringing', { epoch: 6 })] },
  );
  await run();
  assert.deepEqual(told, [['hello', 3], ['pop', 4], ['hello', 4], ['pop', 5]]);
  assert.deepEqual([asked, stream.epoch], [[null, '4', '4', '5'], 6]);
});

test('whoever was told a part of the present pops is told all of them again', async () => {
  const all = [hello(9, { reset: true, pops: 2 }), pop(9, 'a'), pop(9, 'b')];
  const { asked, told, run } = server({ messages: all.slice(0, 2) }, { messages: all });
  await run();
  assert.deepEqual(asked, [null, null, '9']);
  assert.equal(told.length, 5);
});

test('what is answered late to an earlier key says nothing of the later one', async () => {
  const streams = new Streams();
  const told = [];
  const begin = (name) => {
    let answer;
    const settled = new Promise((done) => { answer = done; });
    let isPresent;
    const begun = streams.begin((present) => { isPresent = present; return settled; }, () => ({ run: () => told.push(`${name} runs`), end: () => told.push(`${name} ends`) }));
    return { isPresent: () => isPresent(), answer: async (isTaken) => { answer(isTaken); await begun; } };
  };
  // Refused late, or taken late: neither touches the stream that there is by then.
  for (const isTaken of [false, true]) {
    const [earlier, later] = [begin('earlier'), begin('later')];
    assert.deepEqual([earlier.isPresent(), later.isPresent()], [false, true]);
    await later.answer(true);
    const { stream } = streams;
    await earlier.answer(isTaken);
    assert.ok(stream && streams.stream === stream);
    assert.deepEqual(told.splice(0), ['later runs']);
    const last = begin('last');
    await last.answer(false);
    assert.deepEqual([told.splice(0), streams.stream], [['later ends'], null], 'who is refused has none');
  }
});
