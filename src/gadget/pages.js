// The pages without one customer: waiting, several, nobody, withheld, shown elsewhere, refused. None is blank.

import { button, h } from './dom.js';
import { callLine, certainty, chip, labelsOf, numberOf } from './card.js';
import { formPart } from './form.js';
import { grouped } from './number.js';
import { customerOf, recent } from './pops.js';

/** Who a call was with, in a few words. */
export const titleOf = (app, pop) => customerOf(pop)?.name
  || (pop.lookup?.count > 1 ? app.t('severalName', { n: pop.lookup.count }) : null)
  || (pop.ring?.ani ? pop.ring.ani_national ?? grouped(pop.ring.ani) : app.t('withheldName'));

export function waitingParts(app) {
  const { t, state } = app;
  const calls = recent(state).slice(0, 5);
  return [
    ['waiting', [t.locale, app.stream], () => h('section.waiting', {},
      h('h1', { data: { test: 'name' } }, t('waiting')), h('p.dim', {}, t('waitingHint')))],
    ['recent', [t.locale, calls.map((pop) => [pop.pop_id, titleOf(app, pop), pop.state, pop.missed, pop.cleared])], () => (calls.length
      ? h('section.recent', {}, h('h2', {}, t('lastCalls')), calls.map((pop) => recentRow(app, pop))) : h('section.none'))],
    ['sound', [t.locale, app.sound], () => h('section.switch', {}, h('button', {
      type: 'button', role: 'switch', 'aria-checked': String(app.sound), className: 'plain', onclick: () => app.setSound(!app.sound), data: { test: 'sound' },
    }, `${t('sound')}: ${t(app.sound ? 'soundOn' : 'soundOff')}`))],
  ];
}

function recentRow(app, pop) {
  const { t, time } = app;
  const missed = pop.missed || pop.state === 'missed';
  return h('button.row', { type: 'button', onclick: () => app.show(pop.pop_id), data: { test: 'recent', pop: pop.pop_id, missed: missed && 'true' } },
    h('span', { dir: 'auto' }, titleOf(app, pop)),
    h('span.small.dim', {}, [time.clock(pop.at), t(pop.cleared && pop.state === 'missed' ? 'cleared' : pop.state), pop.wrap_up].filter(Boolean).join(' · ')));
}

/** The head of a call that has no one customer. */
function headPart(app, pop, name, withNumber) {
  const { national, where } = numberOf(app, pop.ring?.ani, pop.ring);
  return ['who', [app.undos.has(pop.pop_id), pop.pop_id, pop.state, pop.at, pop.answered_at, pop.ended_at, pop.ring, pop.cleared, pop.link, name, pop.lookup?.count, app.t.locale], () => {
    const undo = pop.link?.by === 'agent' && app.undoFor(pop);
    return h('section.who', {}, callLine(app, pop),
      h('h1', { dir: 'auto', data: { test: 'name' } }, h('bdi', {}, name)),
      pop.ring?.ani && h('p.number', { data: { test: 'number' } }, withNumber && h('bdi', {}, national), h('span.dim', {}, ` ${where}`)),
      h('ul.sure', { data: { test: 'sure' } }, certainty(app, pop, null).map(([kind, text]) => h(`li.${kind}`, { data: { test: 'sure-item' } }, text)),
        undo && h('li.plain', { data: { test: 'linked' } }, app.t('unlinked'), ' ', button('undo', app.t('undo'), '', undo, { className: 'plain' }))));
  }];
}

export function severalParts(app, pop) {
  const { t } = app;
  const matches = pop.lookup?.matches ?? [];
  const found = app.details.get(pop.pop_id) ?? new Map();
  return [
    headPart(app, pop, t('severalName', { n: pop.lookup?.count ?? matches.length }), true),
    ['choices', [pop.pop_id, matches, [...found.keys()], t.locale], () => h('section.choices', {},
      h('p.dim', {}, t('chooseLead')),
      h('ul', {}, ranked(app, matches).map((match, nth) => h('li', {}, choice(app, pop, match, found.get(match.customer_id), nth)))),
      button('link', t('whyNone'), '/', () => app.find(), { className: 'plain' }))],
  ];
}

/** Whom this agent spoke with last goes first; otherwise as the server orders them, the strongest claim first. */
const ranked = (app, matches) => [...matches].sort((one, other) => (other.last_agent_id === app.agent) - (one.last_agent_id === app.agent));

function choice(app, pop, match, found, nth) {
  const { t } = app;
  const why = [match.last_agent_id && (match.last_agent_id === app.agent ? t('whyLast') : t('whySpoke', { agent: match.last_agent_id })), t('whyNumber')].filter(Boolean).join(' · ');
  return h('button.row', {
    type: 'button', onclick: () => app.link(pop, match), 'aria-keyshortcuts': nth < 9 ? String(nth + 1) : null,
    data: { test: 'choice', id: match.customer_id, kbd: nth < 9 ? String(nth + 1) : null },
  },
  h('span', { dir: 'auto' }, match.name || match.customer_id, found && h('span.chips', {}, labelsOf(found).slice(0, 2).map(chip))),
  h('span.small.dim', { dir: 'auto' }, [match.company, why].filter(Boolean).join(' · ')),
  h('span.small', { dir: 'auto' }, found?.open_case ? [found.open_case.number, found.open_case.title].filter(Boolean).join(' ') : ''));
}

export function unknownParts(app, pop, withheld) {
  const { t } = app;
  const { national } = numberOf(app, pop.ring?.ani, pop.ring);
  return [
    headPart(app, pop, withheld || !pop.ring?.ani ? t('withheldName') : national, false),
    ['tried', [pop.pop_id, t.locale], () => h('section.tried', {},
      h('p', {}, pop.ring?.ani ? t('findTried', { number: national }) : ''),
      h('button.box', { type: 'button', onclick: () => app.find(), 'aria-keyshortcuts': '/', data: { test: 'link', kbd: '/' } }, t('findLabel')))],
    ...(app.desk.may_create ? [formPart(app, pop)] : []),
  ];
}

export function elsewhereParts(app, pop) {
  const { t } = app;
  return [['elsewhere', [pop.pop_id, titleOf(app, pop), t.locale], () => h('section.waiting', {},
    h('p.call', {}, t('elsewhere')), h('h1', { dir: 'auto', data: { test: 'name' } }, titleOf(app, pop)),
    h('p', {}, button('elsewhere-show', t('showHere'), 'Enter', () => app.show(pop.pop_id), { className: 'main' })))]];
}

export function refusedParts(app) {
  const { t } = app;
  const key = app.wire.key;
  return [['refused', [key, t.locale], () => h('section.waiting', {},
    h('h1', { data: { test: 'name' } }, t('refusedTitle')),
    h('p', {}, key ? t('refusedKey', { key: `${key.slice(0, 4)}…` }) : t('refusedNone')),
    h('p', {}, t('refusedAsk', { agent: app.agent })),
    h('form', { onsubmit: (event) => { event.preventDefault(); app.useKey(event.target.key.value.trim()); } },
      h('label', {}, t('refusedField'), h('input', { name: 'key', type: 'password', autocomplete: 'off', required: true, data: { test: 'refused-key' } })),
      h('button.main', { data: { test: 'refused-use' } }, t('refusedUse'))))]];
}

export function noAgentParts(t) {
  return [['agent', [t.locale], () => h('section.waiting', {},
    h('h1', { data: { test: 'name' } }, t('noAgentTitle')), h('p', {}, t('noAgent')),
    h('form', { onsubmit: (event) => {
      event.preventDefault();
      const address = new URL(location.href);
      address.searchParams.set('agent', event.target.agent.value.trim());
      location.assign(address);
    } }, h('label', {}, t('agent'), h('input', { name: 'agent', required: true, autocomplete: 'off' })), h('button.main', {}, t('start'))))]];
}
