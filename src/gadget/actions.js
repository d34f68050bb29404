// What an agent does with a call: the bar of actions, wrap-ups, and the calls that wait.

import { button, elsewhere, h } from './dom.js';
import { phoneOf } from './card.js';
import { titleOf } from './pages.js';

/** Schemes that numbers may be handed over with. */
const SCHEMES = ['tel:', 'sms:', 'sip:', 'sips:', 'callto:', 'https:', 'http:'];

/** The address that `template` makes of a number, or null where it would lead to something else. */
export function handOver(template, number) {
  const text = (template ?? '').replaceAll('{number}', encodeURIComponent(number).replace('%2B', '+'));
  try {
    return SCHEMES.includes(new URL(text).protocol) ? text : null;
  } catch {
    return null;
  }
}

/** The number that a customer is called at: the one that called, or the first of theirs. */
export const numberFor = (pop, customer) => pop?.ring?.ani ?? phoneOf((customer?.phones ?? [])[0] ?? '').number ?? null;

/** Why a customer cannot be dialled or texted, or null. */
export function blocked(app, what, customer, number) {
  if (what === 'dial' && customer?.flags?.do_not_call) return app.t('whyNotCall');
  if (what === 'sms' && customer?.flags?.do_not_sms) return app.t('whyNotSms');
  return number ? null : app.t('noNumber');
}

export function actionParts(app, page, pop, customer) {
  const { t } = app;
  if (page === 'waiting' || page === 'elsewhere' || page === 'refused') return [];
  const number = numberFor(pop, customer);
  const hand = (what, word, key, act) => {
    const why = blocked(app, what, customer, number);
    return [button(what, t(word), key, () => (why ? app.tell(why) : act()), { 'aria-disabled': why ? 'true' : null, 'aria-describedby': why ? `${what}-why` : null, title: why ?? `${t(word)} (${key})` }),
      why && h('span.unseen', { id: `${what}-why`, data: { test: `${what}-why` } }, why)];
  };
  const url = pop && elsewhere(pop.url, { className: 'button', 'aria-keyshortcuts': 'o', title: `${t('record')} (o)`, data: { test: 'open', kbd: 'o' } }, t('record'));
  return [['actions', [pop?.pop_id, pop?.state, pop?.url, customer?.id, customer?.flags, number, page, app.mode, t.locale, app.desk.may_create], () => h('div.actions', {},
    url,
    (number || customer) && hand('dial', 'call', 'c', () => app.dial(pop, customer, number)),
    (number || customer) && hand('sms', 'text', 't', () => app.sms(pop, customer, number)),
    pop && page !== 'unknown' && page !== 'withheld' && page !== 'several' && button('link', t('linkOther'), '/', () => app.find()),
    pop && customer && !pop.pending && button('unlink', t('unlink'), 'u', () => app.link(pop, null)),
    page === 'several' && app.desk.may_create && button('create', t('newCustomer'), 'n', () => app.create(pop)),
    !pop && button('back', t('back'), 'Esc', () => app.back()))]];
}

/** Wrap-up: while the call goes on, and after it. */
export function wrapUpPart(app, pop) {
  const { t } = app;
  const choices = app.desk.wrap_ups ?? [];
  return ['wrapup', [pop.pop_id, pop.state === 'ended', pop.wrap_up, choices, t.locale], () => {
    const place = `ringside:wrap:${app.agent}:${pop.pop_id}`;
    const keep = (text) => app.wrapUp(pop, text).then((kept) => kept && sessionStorage.removeItem(place));
    const free = pop.wrap_up && !choices.includes(pop.wrap_up) ? pop.wrap_up : '';
    const input = h('input', { value: sessionStorage.getItem(place) ?? free, placeholder: t('wrapUpOther'), maxLength: 200, dir: 'auto', 'aria-label': t('wrapUp'), autocomplete: 'off', oninput: () => sessionStorage.setItem(place, input.value), data: { test: 'wrapup-text' } });
    return h('section.wrapup', { 'aria-label': t('wrapUp'), data: { test: 'wrapup' } },
      h('h2', {}, t('wrapUp'), pop.wrap_up && h('b', { dir: 'auto', data: { test: 'wrapup-now' } }, ` ${pop.wrap_up}`)),
      h('div.line.choices', {}, choices.map((choice) => h('button.choice', { type: 'button', dir: 'auto', 'aria-pressed': String(choice === pop.wrap_up), onclick: () => keep(choice), data: { test: 'wrapup-choice', id: choice } }, choice))),
      h('form.line', { onsubmit: (event) => { event.preventDefault(); if (input.value.trim()) keep(input.value.trim()); } }, input, h('button', { data: { test: 'wrapup-save' } }, t('save'))));
  }];
}

/** Calls that wait: they never take the page, one click or key does. */
export function cardPart(app, calls) {
  const { t } = app;
  return ['cards', [calls.map((pop) => [pop.pop_id, pop.state, titleOf(app, pop)]), t.locale], () => h('ul.waits', {}, calls.map((pop, nth) => h('li', {},
    h('button.row', { type: 'button', onclick: () => app.show(pop.pop_id), 'aria-keyshortcuts': nth === 0 ? 'a' : null, data: { test: 'card', pop: pop.pop_id, kbd: nth === 0 && 'a' } },
      h('span', { dir: 'auto' }, h('b', {}, titleOf(app, pop))),
      h('span.small', {}, t(pop.state === 'answered' ? 'holds' : 'waits'), ' ', h('span', { 'aria-hidden': 'true', data: { since: pop.at } }, app.time.length((app.time.now() - Date.parse(pop.at)) / 1000)))))))];
}

