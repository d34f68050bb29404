// The pages without one customer: waiting, several, nobody, withheld, shown elsewhere, refused. None is blank.

import { button, h } from './dom.js';
import { chips, who } from './card.js';
import { formPart } from './form.js';
import { calling } from './number.js';
import { customerOf, recent } from './pops.js';

/** Who a call is with, in a few words. */
export const titleOf = ({ t }, pop) => customerOf(pop)?.name
  || (pop.lookup?.count > 1 && t('severalName', { n: pop.lookup.count }))
  || (pop.ring.ani ? calling(pop.ring)[0] : t('withheldName'));

const plain = (part, ...children) => h('section.waiting', { 'data-part': part }, children);

export function waitingParts(app) {
  const { t, time, state } = app;
  const calls = recent(state).slice(0, 5);
  return [
    plain('waiting', h('h1#name', t('waiting')), h('p.dim', t('waitingHint'))),
    calls.length > 0 && h('section.recent', h('h2', t('lastCalls')), calls.map((pop) => h('button.row#recent', {
      type: 'button', onclick: () => app.show(pop.pop_id), 'data-pop': pop.pop_id, 'data-missed': (pop.missed || pop.state === 'missed') && 'true',
    }, h('span~', titleOf(app, pop)), h('span.small.dim', [time.clock(pop.at), t(pop.cleared ? 'cleared' : pop.state), pop.wrap_up].filter(Boolean).join(' · '))))),
    h('section', button('.plain#sound', `${t('sound')}: ${t(app.sound ? 'on' : 'off')}`, '', () => app.setSound(!app.sound), { role: 'switch', 'aria-checked': String(app.sound) })),
  ];
}

export function severalParts(app, pop) {
  const { t } = app;
  const { matches = [], count } = pop.lookup;
  // Whom this agent spoke with last goes first; otherwise as the server orders them, the strongest claim first.
  const ranked = [...matches].sort((one, other) => (other.last_agent_id === app.agent) - (one.last_agent_id === app.agent));
  return [
    who(app, pop, null, t('severalName', { n: count ?? matches.length })),
    h('section.several', { 'data-part': 'several' }, h('p.dim', t('chooseLead')),
      h('ul', ranked.map((match, nth) => h('li', choice(app, pop, match, String(nth + 1))))),
      button('.plain#link', t('whyNone'), '/', () => app.find())),
    app.creating === pop.pop_id && formPart(app, pop),
  ];
}

function choice(app, pop, match, nth) {
  const { t } = app;
  const found = app.details.get(pop.pop_id)?.[match.customer_id];
  const { last_agent_id: agent } = match;
  const why = [match.company, agent && (agent === app.agent ? t('whyLast') : t('whySpoke', { agent })), t('whyNumber')];
  return button('.row#choice', [h('b~', match.name || match.customer_id, chips(found, 2)), h('span.small.dim~', why.filter(Boolean).join(' · ')), h('span.small~', caseOf(found))],
    nth < 10 ? nth : '', () => app.link(pop, match), { title: '', 'data-id': match.customer_id });
}

export const caseOf = (found) => [found?.open_case?.number, found?.open_case?.title].filter(Boolean).join(' ');

export function unknownParts(app, pop, isWithheld) {
  const { t } = app;
  const [number] = calling(pop.ring);
  return [
    who(app, pop, null, isWithheld || !pop.ring.ani ? t('withheldName') : number),
    h('section.tried', { 'data-part': 'tried' }, pop.ring.ani && h('p', t('findTried', { number })), button('.box#link', t('findLabel'), '/', () => app.find())),
    app.desk.may_create && formPart(app, pop),
  ];
}

export const elsewhereParts = (app, pop) => [plain('elsewhere', h('p.call', app.t('elsewhere')), h('h1#name~', titleOf(app, pop)), h('p', button('.main#elsewhere-show', app.t('showHere'), 'Enter', () => app.show(pop.pop_id))))];

/** A page that asks for one thing before it can go on. */
const asking = (t, title, texts, label, word, type, act) => [plain('asking', h('h1#name', title), texts.map((text) => h('p', text)),
  h('form', { onsubmit: (event) => { event.preventDefault(); act(event.target.elements[0].value.trim()); } },
    h('label', label, h('input#refused-key', { type, required: true, autocomplete: 'off' })), h('button.main#refused-use', word)))];

export function refusedParts(app) {
  const { t, agent, wire: { key } } = app;
  return asking(t, t('refusedTitle'), [key ? t('refusedKey', { key: `${key.slice(0, 4)}…` }) : t('refusedNone'), t('refusedAsk', { agent })], t('refusedField'), t('refusedUse'), 'password', app.useKey);
}

export const noAgentParts = (t) => asking(t, t('noAgentTitle'), [t('noAgent')], t('agent'), t('start'), 'text', (agent) => {
  const address = new URL(location);
  address.searchParams.set('agent', agent);
  location.assign(address);
});
