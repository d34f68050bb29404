// What an agent does with a call: the bar of actions, wrap-ups, and the calls that wait.

import { button, elsewhere, h, web } from './dom.js';
import { clock } from './card.js';
import { kept } from './form.js';
import { phoneOf } from './number.js';
import { titleOf } from './pages.js';

const SCHEMES = ['tel:', 'sms:', 'sip:', 'sips:', 'callto:', 'im:', 'https:', 'http:'];

/** The address that `template` makes of a number, or null where it would lead to something else. */
export function handOver(template, number) {
  const text = (template ?? '').replace('{number}', encodeURIComponent(number).replace('%2B', '+'));
  try { return SCHEMES.includes(new URL(text).protocol) ? text : null; } catch { return null; }
}

/** Why a customer cannot be dialled (`call`) or texted (`text`), or undefined. */
export function blocked({ t }, what, customer, number) {
  if (what === 'call' && customer?.flags?.do_not_call) return t('whyNotCall');
  if (what === 'text' && customer?.flags?.do_not_sms) return t('whyNotSms');
  return number ? undefined : t('noNumber');
}

export function actions(app, page, pop, customer) {
  const { t } = app;
  const number = pop?.ring.ani ?? phoneOf(customer?.phones?.[0]).number;
  const hand = (what, hook, key, act) => {
    const why = blocked(app, what, customer, number);
    return [button(`#${hook}`, t(what), key, () => (why ? app.tell(why) : act(pop, customer, number)), why && { 'aria-disabled': 'true', 'aria-describedby': `${hook}-why`, title: why }),
      why && h(`span.unseen#${hook}-why`, { id: `${hook}-why` }, why)];
  };
  const isOne = pop && customer;
  // Where nobody could take a number over, nothing offers to.
  const can = (kind) => (number || customer) && (app.desk[kind] || app.parent.hears);
  return h('div.actions',
    web(pop?.url) && h('a.button#open', elsewhere(web(pop.url), { 'aria-keyshortcuts': 'o', 'data-kbd': 'o' }), t('record')),
    can('dial') && hand('call', 'dial', 'c', app.dial), can('sms') && hand('text', 'sms', 't', app.sms),
    isOne && button('#link', t('linkOther'), '/', () => app.find()),
    isOne && !pop.pending && button('#unlink', t('unlink'), 'u', () => app.link(pop, null)),
    page === 'several' && app.desk.may_create && button('#create', t('newCustomer'), 'n', () => app.create(pop)),
    page === 'view' && button('#back', t('back'), 'Esc', () => app.back()));
}

/** Wrap-up: while the call goes on, and after it. */
export function wrapUp(app, pop) {
  const { t, desk } = app;
  const place = `ringside:wrap:${app.agent}:${pop.pop_id}`;
  const keep = async (text) => { if (text && await app.wrapUp(pop, text)) kept.drop(place); };
  const input = h('input#wrapup-text~', { value: kept.read(place) ?? '', placeholder: t('wrapUpOther'), maxLength: 200, 'aria-label': t('wrapUp'), autocomplete: 'off', oninput: (event) => kept.write(place, event.target.value) });
  return h('section.wrapup#wrapup', { 'data-part': `wrap:${pop.pop_id}`, 'aria-label': t('wrapUp') },
    h('h2', t('wrapUp'), pop.wrap_up && h('b#wrapup-now~', ` ${pop.wrap_up}`)),
    h('div.line', desk.wrap_ups.map((choice) => button('#wrapup-choice', choice, '', () => keep(choice), { dir: 'auto', 'aria-pressed': String(choice === pop.wrap_up), 'data-id': choice }))),
    h('form.line', { onsubmit: (event) => { event.preventDefault(); keep(event.target.elements[0].value.trim()); } }, input, h('button#wrapup-save', t('save'))));
}

/** Calls that wait: they never take the page, one click or key does. */
export const cards = (app, calls) => calls.map((pop, nth) => button('.row#card', [h('b~', titleOf(app, pop)), h('span.small', app.t(pop.state === 'answered' ? 'holds' : 'waits'), ' ', clock(app, pop.at))],
  nth ? '' : 'a', () => app.show(pop.pop_id), { title: '', 'data-pop': pop.pop_id, 'data-part': pop.pop_id }));
