// One customer: who, how to treat them, why they probably call, and the rest. The eye reads it from the top.

import { button, elsewhere, h, web } from './dom.js';
import { resolve, textOn } from './colour.js';
import { calling, grouped, phoneOf, same } from './number.js';
import { isOpen, isOver, openCase } from './pops.js';

/** Labels that decide how somebody is treated: seen before the others, and by more than their colour. */
const STOP = /black|block|fraud|abus|threat|sperr|betrug/i;
const FIRST = /\bvip\b|priorit|platin|premium/i;
const rank = ({ name }) => (STOP.test(name) ? 0 : FIRST.test(name) ? 1 : 2);

/** The labels of a customer, those that are treated first ahead. */
export const labelsOf = (customer) => [...(customer?.labels ?? [])].sort((one, other) => rank(one) - rank(other));

function chip(label) {
  const colour = resolve(label.color);
  const kind = ['stop', 'first'][rank(label)];
  const made = h('li.chip#label~', { 'data-first': kind }, kind && h('b', { ariaHidden: 'true' }, kind === 'stop' ? '⊘ ' : '★ '), label.name);
  if (colour) made.style.cssText = `--chip:${colour};--chip-text:${textOn(colour)}`;
  return made;
}

/** The first `most` labels as chips, or nothing. */
export const chips = (customer, most = 99) => (customer?.labels?.length ? h('ul.chips', labelsOf(customer).slice(0, most).map(chip)) : null);

/** A clock that `tick` keeps going. */
export const clock = (app, since) => h('span', { ariaHidden: 'true', 'data-since': since }, app.time.length((app.time.now() - Date.parse(since)) / 1000));

/** The line above the name: what the call is doing, and since when. */
export function callLine({ t, time, ...app }, pop) {
  const out = pop.ring.direction === 'outbound';
  const word = pop.cleared ? 'cleared' : pop.state === 'ringing' && out ? 'ringingOut' : pop.state;
  const lasted = pop.ended_at && pop.answered_at && time.length((Date.parse(pop.ended_at) - Date.parse(pop.answered_at)) / 1000);
  return h('p.call#call', arrow(t, out), h('b', t(word)), isOver(pop) ? h('span', lasted || time.clock(pop.at)) : clock({ ...app, time }, pop.answered_at ?? pop.at), pop.ring.queue && h('span.dim~', pop.ring.queue));
}

export const arrow = (t, out) => h('span.arrow', { role: 'img', ariaLabel: t(out ? 'outbound' : 'inbound') }, out ? '↗' : '↘');

/** How sure it is that this is who it seems: doubts are `bad`, what is known is `good`. */
export function certainty(app, pop, customer) {
  const { t, time } = app;
  const { lookup = {}, ring, link } = pop;
  const found = [];
  const say = (kind, text, ...more) => found.push(h(`li.${kind}#${more.length ? 'linked' : 'sure-item'}`, text, more));
  const phone = (customer?.phones ?? []).map(phoneOf).find(({ number }) => same(number, ring.ani));
  if (link?.by === 'agent') {
    const undo = app.undoFor(pop);
    say('plain', !customer ? t('unlinked') : pop.pending ? t('linkedForm') : link.agent && link.agent !== app.agent ? t('linkedBy', { agent: link.agent }) : t('linkedMe'), ' ', undo && button('.plain#undo', t('undo'), '', undo));
  }
  if (customer) {
    if (lookup.match === 'suffix') say('bad', t('endsAlike'));
    else if (phone?.verified_at) say('good', t('onFileVerified', { month: time.month(phone.verified_at) }));
    else if (phone || lookup.match === 'exact') say('good', t('onFile'));
    else if (ring.ani && !pop.pending) say('plain', t('notOnFile'));
  }
  if (lookup.count > 1) say('bad', t('shares', { n: lookup.count }));
  else if (phone?.shared) say('bad', t('sharedLine'));
  if (ring.ani && ring.direction !== 'outbound') {
    const level = /-([ABC])$/i.exec(ring.verstat)?.[1].toUpperCase() ?? (ring.attestation === 'full' ? 'A' : 'B');
    if (ring.attestation === 'failed') say('bad', t('attestedFailed'));
    else if (ring.attestation === 'full' || ring.attestation === 'passed') say('good', t('attested', { level }));
    else say('plain', t('attestedAbsent'));
  }
  return h('ul.sure#sure', found);
}

/** Who: the call, the name, the number and how sure it is. Without a customer `name` is what stands in its place. */
export function who(app, pop, customer, name) {
  const { t } = app;
  const ring = pop?.ring;
  const [number, where] = calling(ring ?? { ani: phoneOf(customer?.phones?.[0]).number }, t.locale);
  return h('section.who', { 'data-part': 'who' },
    pop ? callLine(app, pop) : h('p.call#call', h('b', t('view'))),
    h('h1#name~', name ?? (customer.name || number || t('unknownName'))),
    customer?.company && customer.company !== customer.name && h('p.dim~', customer.company),
    pop?.pending && h('p.pending#pending', t('pending')),
    h('p.number#number', name !== number && h('bdi', number), pop && !ring.ani && name === undefined && t('withheldName'), where && h('span.dim', ` ${where}`)),
    pop && certainty(app, pop, customer));
}

/** The parts of the page of `customer`, called by `pop` or only looked at. */
export function cardParts(app, pop, customer) {
  const open = openCase(pop, customer);
  return [who(app, pop, customer), treat(app, pop, customer), open && caseBlock(app, pop, open), rest(app, pop, customer, open)];
}

function treat({ t }, pop, customer) {
  const { do_not_call: call, do_not_sms: sms } = customer.flags ?? {};
  const { treatment, may_disclose: mayDisclose } = pop?.lookup ?? {};
  const isUnsure = mayDisclose === false && pop.ring.direction !== 'outbound' && pop.link?.by !== 'agent';
  return h('section.treat', { 'data-part': 'treat' }, chips(customer),
    (call || sms) && h('p.flags', call && h('span#flag', `⊘ ${t('doNotCall')}`), sms && h('span#flag', `⊘ ${t('doNotSms')}`)),
    treatment && h('p#treatment~', t('treatment', { what: treatment })),
    isUnsure && h('p.warn#disclose', t('disclose')));
}

function caseBlock({ t, time }, pop, open) {
  const url = pop?.page === 'case' && web(pop.url);
  return h('section.case#case', { 'data-part': 'case' }, h(url ? 'a#case-link' : 'div', url ? elsewhere(url) : {},
    h('span.small', t('case'), open.number && h('bdi', ` ${open.number}`), open.priority && h('b.priority~', open.priority)),
    h('b~', open.title || open.number || open.id),
    open.created_at && h('span.small.dim', { title: time.exact(open.created_at) }, t('opened', { ago: time.ago(open.created_at) }))));
}

function rest(app, pop, customer, open) {
  const { t, time, desk } = app;
  const rows = [];
  const row = (key, type, label, value, help) => rows.push(h('div#attribute', { 'data-key': key, 'data-type': type }, h('dt~', { title: help || '' }, label), h('dd#attribute-value~', value)));
  const values = { ...customer.attributes };
  for (const { key, label, type, help } of desk.schema) {
    if ((values[key] ?? '') !== '' && (desk.attributes?.includes(key) ?? true)) row(key, type, label || key, typed(app, pop, customer, type, values[key]), help);
    delete values[key];
  }
  if (!desk.attributes) for (const [key, value] of Object.entries(values)) row(key, 'text', key, String(value ?? ''));
  if (customer.phones?.length) {
    row('phones', 'phone', t('phones'), customer.phones.map(phoneOf).map((phone) => h('div.phone', dialling(app, pop, customer, phone.number),
      [phone.kind, phone.verified_at && t('verified', { month: time.month(phone.verified_at) }), phone.shared && t('sharedLine')].map((text) => text && h('span.small.dim', text)))));
  }
  if (customer.created_at) row('created_at', 'date', t('since'), time.month(customer.created_at));
  const others = (customer.cases ?? []).filter(({ id }) => id !== open?.id);
  return h('section.rest', { 'data-part': 'rest' }, h('h2', t('details')), h('dl', rows),
    others.length > 0 && [h('h2', t('moreCases')), h('ul', others.map((found) => h(isOpen(found) ? 'li' : 'li.dim',
      h('span~', found.title || found.number || found.id), h('span.small', ` ${[found.number, found.status].filter(Boolean).join(' · ')}`))))]);
}

/** A value of the schema's `type`: links open, e-mail and phone are actions, booleans are words, dates are local. */
export function typed(app, pop, customer, type, value) {
  const { t, time } = app;
  const text = String(value);
  switch (type) {
    case 'bool': return t(text === 'true' ? 'yes' : 'no');
    case 'date': return time.day(text);
    case 'datetime': return time.exact(text);
    case 'phone': return dialling(app, pop, customer, text);
    case 'url': return web(text) ? h('a', elsewhere(web(text)), text.replace(/^https?:\/\/(www\.)?|\/$/g, '')) : text;
    case 'email': return /^[^\s@<>"]+@[^\s@<>"]+$/.test(text) ? h('a', { href: `mailto:${encodeURIComponent(text).replace('%40', '@')}` }, text) : text;
    default: return text;
  }
}

/** A number that is an action, or only a number, with the reason why. */
const dialling = (app, pop, customer, number) => (customer.flags?.do_not_call || !(app.desk.dial || app.parent.hears)
  ? h('bdi', { title: customer.flags?.do_not_call ? app.t('whyNotCall') : '' }, grouped(number))
  : button('.plain#dial-number', grouped(number), '', () => app.dial(pop, customer, number), { title: app.t('call') }));
