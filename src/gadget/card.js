// One customer: who, how to treat them, why they probably call, and the rest. The eye reads it from the top.

import { button, elsewhere, h } from './dom.js';
import { resolve, textOn } from './colour.js';
import { country, countryName, grouped, same } from './number.js';
import { isOpen, openCase, isOver } from './pops.js';

/** Labels that decide how somebody is treated: seen before the others, and by more than their colour. */
const STOP = /black|block|fraud|abus|threat|sperr|betrug/i;
const FIRST = /\bvip\b|priorit|platin|premium/i;

const rank = ({ name }) => (STOP.test(name) ? 0 : FIRST.test(name) ? 1 : 2);

/** The labels of a customer, those that are treated first ahead. */
export const labelsOf = (customer) => [...(customer?.labels ?? [])].sort((one, other) => rank(one) - rank(other));

export function chip(label) {
  const colour = resolve(label.color);
  const kind = ['stop', 'first', null][rank(label)];
  const chip = h('li.chip', { dir: 'auto', data: { test: 'label', first: kind } }, kind && h('b', { 'aria-hidden': 'true' }, kind === 'stop' ? '⊘ ' : '★ '), label.name);
  if (colour) {
    chip.style.setProperty('--chip', colour);
    chip.style.setProperty('--chip-text', textOn(colour));
  }
  return chip;
}

/** A number as a person reads it, with its country. */
export function numberOf(app, number, ring) {
  const national = ring?.ani_national ?? grouped(number);
  const region = ring?.region ?? country(number);
  const where = region ? countryName(region, app.t.locale) : number?.startsWith('+1') ? app.t('northAmerica') : '';
  return { national, where };
}

/** The line above the name: what the call is doing, and since when. */
export function callLine(app, pop) {
  const { t } = app;
  const out = pop.ring?.direction === 'outbound';
  const word = pop.cleared && pop.state !== 'ended' ? t('cleared') : t(pop.state === 'ringing' && out ? 'ringingOut' : pop.state);
  const since = pop.state === 'answered' ? (pop.answered_at ?? pop.at) : pop.at;
  const clock = isOver(pop)
    ? h('span', {}, pop.ended_at && pop.answered_at ? app.time.length((Date.parse(pop.ended_at) - Date.parse(pop.answered_at)) / 1000) : app.time.clock(pop.at))
    : h('span', { 'aria-hidden': 'true', data: { since } }, app.time.length((app.time.now() - Date.parse(since)) / 1000));
  const queue = pop.ring?.queue;
  return h('p.call', { data: { test: 'call' } },
    h('span.arrow', { title: t(out ? 'outbound' : 'inbound'), 'aria-hidden': 'true' }, out ? '↗' : '↘'),
    h('b', {}, word), clock, queue && h('span.queue', { dir: 'auto' }, queue));
}

/** How sure it is that this is who it seems: `[kind, text]`, doubts as `bad`, what is known as `good`. */
export function certainty(app, pop, customer) {
  const { t, time } = app;
  const { lookup = {}, ring = {}, link } = pop;
  const found = [];
  const phone = (customer?.phones ?? []).map(phoneOf).find((phone) => same(phone.number, ring.ani ?? ''));
  if (customer) {
    if (link?.by === 'agent') {
      found.push(['plain', pop.pending ? t('linkedForm') : link.agent && link.agent !== app.agent ? t('linkedBy', { agent: link.agent }) : t('linkedMe'), 'linked']);
      if (ring.ani && !phone && !pop.pending) found.push(['plain', t('notOnFile')]);
    }
    if (lookup.match === 'suffix') found.push(['bad', t('endsAlike')]);
    else if (phone?.verified_at) found.push(['good', t('onFileVerified', { month: time.month(phone.verified_at) })]);
    else if (phone || lookup.match === 'exact') found.push(['good', t('onFile')]);
  }
  if (lookup.count > 1) found.push(['bad', t('shares', { n: lookup.count })]);
  else if (phone?.shared) found.push(['bad', t('sharedLine')]);
  if (ring.ani && ring.direction !== 'outbound') {
    const level = /-([ABC])$/i.exec(ring.verstat ?? '')?.[1]?.toUpperCase() ?? 'B';
    const attested = { full: ['good', 'attestedFull'], passed: ['plain', 'attestedPassed'], failed: ['bad', 'attestedFailed'] }[ring.attestation] ?? ['plain', 'attestedAbsent'];
    found.push([attested[0], t(attested[1], { level })]);
  }
  return found;
}

export const phoneOf = (phone) => (typeof phone === 'string' ? { number: phone } : phone);

/** The parts of the page of `customer`, called by `pop` or only looked at. */
export function cardParts(app, pop, customer) {
  const { t } = app;
  const id = [pop?.pop_id, customer.id, t.locale];
  const open = openCase(pop, customer);
  const lookup = pop?.lookup ?? {};
  return [
    ['who', [id, pop && [app.undos.has(pop.pop_id), pop.state, pop.at, pop.answered_at, pop.ended_at, pop.ring, pop.link, pop.pending, pop.cleared, lookup.match, lookup.count], customer.name, customer.company, customer.phones], () => who(app, pop, customer)],
    ['treat', [id, customer.labels, customer.flags, lookup.treatment, lookup.may_disclose], () => treat(app, pop, customer)],
    ['case', [id, open, pop?.url], () => caseBlock(app, pop, open)],
    ['rest', [id, customer.attributes, customer.phones, customer.cases, customer.flags, customer.created_at, app.desk.schema], () => rest(app, pop, customer, open)],
  ];
}

function who(app, pop, customer) {
  const { t } = app;
  const ring = pop?.ring;
  const written = ring?.ani ?? phoneOf(customer.phones?.[0] ?? '').number;
  const { national, where } = numberOf(app, written, ring);
  const undo = pop?.link?.by === 'agent' && app.undoFor(pop);
  return h('section.who', {},
    pop ? callLine(app, pop) : h('p.call', { data: { test: 'call' } }, h('b', {}, t('view'))),
    h('h1', { dir: 'auto', data: { test: 'name' } }, customer.name || national || t('unknownName')),
    customer.company && customer.company !== customer.name && h('p.dim', { dir: 'auto' }, customer.company),
    pop?.pending && h('p.pending', { data: { test: 'pending' } }, t('pending')),
    written ? h('p.number', { data: { test: 'number' } }, h('bdi', {}, national), where && h('span.dim', {}, ` ${where}`)) : pop && h('p.number', { data: { test: 'number' } }, t('withheldName')),
    pop && h('ul.sure', { data: { test: 'sure' } }, certainty(app, pop, customer).map(([kind, text, test]) => h(`li.${kind}`, { data: { test: test ?? 'sure-item' } }, text,
      test === 'linked' && undo && [' ', button('undo', t('undo'), '', undo, { className: 'plain' })]))));
}

function treat(app, pop, customer) {
  const { t } = app;
  const labels = labelsOf(customer);
  const { do_not_call: call, do_not_sms: sms } = customer.flags ?? {};
  const treatment = pop?.lookup?.treatment;
  return h('section.treat', {},
    labels.length > 0 && h('ul.chips', {}, labels.map(chip)),
    (call || sms) && h('p.flags', {}, call && h('span', { data: { test: 'flag' } }, `⊘ ${t('doNotCall')}`), sms && h('span', { data: { test: 'flag' } }, `⊘ ${t('doNotSms')}`)),
    treatment && h('p', { dir: 'auto', data: { test: 'treatment' } }, t('treatment', { what: treatment })),
    pop && pop.lookup?.may_disclose === false && pop.ring?.direction !== 'outbound' && !pop.pending && pop.link?.by !== 'agent' && h('p.warn', { data: { test: 'disclose' } }, t('disclose')));
}

function caseBlock(app, pop, open) {
  const { t, time } = app;
  if (!open) return h('section.none');
  const inside = [
    h('span.small', {}, [t('case'), open.number && h('bdi', {}, ` ${open.number}`)], open.priority && h('b.priority', { dir: 'auto' }, open.priority)),
    h('span.title', { dir: 'auto' }, open.title || open.number || open.id),
    open.created_at && h('span.small.dim', { title: time.exact(open.created_at) }, t('opened', { ago: time.ago(open.created_at) })),
  ];
  const link = pop?.page === 'case' && elsewhere(pop.url, { data: { test: 'case-link' } }, ...inside);
  return h('section.case', { data: { test: 'case' } }, link || h('div', {}, ...inside));
}

function rest(app, pop, customer, open) {
  const { t, time, desk } = app;
  const rows = [];
  const row = (key, type, label, value, help) => rows.push(h('div', { data: { test: 'attribute', key, type } }, h('dt', { title: help || null, dir: 'auto' }, label), h('dd', { dir: 'auto', data: { test: 'attribute-value' } }, value)));
  const chosen = desk.attributes;
  const schema = desk.schema ?? [];
  const values = customer.attributes ?? {};
  for (const { key, label, type, sensitive, help } of schema) {
    if (chosen && !chosen.includes(key)) continue;
    const value = values[key];
    if (value !== undefined && value !== null && value !== '') row(key, type, label || key, typed(app, pop, customer, type, value), help);
    else if (sensitive && !desk.may_see_sensitive) row(key, type, label || key, h('span.dim', {}, t('hidden')), help);
  }
  const known = new Set(schema.map(({ key }) => key));
  if (!chosen) for (const [key, value] of Object.entries(values)) if (!known.has(key) && value !== null) row(key, 'text', key, String(value));
  const phones = (customer.phones ?? []).map(phoneOf);
  if (phones.length) {
    row('phones', 'phone', t('phones'), phones.map((phone) => h('div.phone', {}, dialling(app, pop, customer, phone.number),
      [phone.kind, phone.verified_at && t('verified', { month: time.month(phone.verified_at) }), phone.shared && t('sharedLine')].filter(Boolean).map((text) => h('span.small.dim', {}, text)))));
  }
  if (customer.created_at) row('created_at', 'date', t('since'), h('span', { title: time.exact(customer.created_at) }, time.month(customer.created_at)));
  const others = (customer.cases ?? []).filter((found) => found.id !== open?.id);
  return h('section.rest', {},
    h('h2', {}, t('details')), h('dl', {}, rows),
    others.length > 0 && [h('h2', {}, t('moreCases')), h('ul.cases', {}, others.map((found) => h(`li${isOpen(found) ? '' : '.dim'}`, {},
      h('span', { dir: 'auto' }, found.title || found.number || found.id), h('span.small', {}, [found.number, found.status].filter(Boolean).join(' · ')))))]);
}

/** A value of the schema's `type`: links open, e-mail and phone are actions, booleans are words, dates are local. */
export function typed(app, pop, customer, type, value) {
  const { t, time } = app;
  const text = String(value);
  if (type === 'bool') return t(value === true || text === 'true' ? 'yes' : 'no');
  if (type === 'date') return time.day(text);
  if (type === 'datetime') return time.exact(text);
  if (type === 'url') return elsewhere(text, {}, text.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '')) ?? text;
  if (type === 'email' && /^[^\s@<>"]+@[^\s@<>"]+$/.test(text)) return h('a', { href: `mailto:${encodeURIComponent(text).replace('%40', '@')}` }, text);
  if (type === 'phone') return dialling(app, pop, customer, text);
  return text;
}

/** A number that is an action, or a word why it is none. */
function dialling(app, pop, customer, number) {
  if (customer.flags?.do_not_call) return h('bdi', { title: app.t('whyNotCall') }, grouped(number));
  return button('dial-number', grouped(number), '', () => app.dial(pop, customer, number), { className: 'plain', title: `${app.t('call')} ${number}` });
}

