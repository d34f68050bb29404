// What happened: the last contacts, the earlier ones, and older ones from the system of record.

import { button, h } from './dom.js';
import { arrow } from './card.js';
import { grouped } from './number.js';

/** How many are told as the last ones. */
const LAST = 3;
const KINDS = ['finesse', 'ivr', 'agent', 'transfer', 'conference', 'sms'];

export function historyParts(app, pop, customer) {
  const { t } = app;
  const known = customer.interactions ?? [];
  const older = app.older.get(customer.id) ?? { list: [] };
  const ids = known.map(({ id }) => id);
  const all = [...known, ...older.list.filter(({ id }) => !ids.includes(id))];
  const load = () => app.loadOlder(customer, all.at(-1)?.started_at);
  const line = () => {
    if (older.state === 'over') return all.length <= LAST && h('p.dim', t('olderNone'));
    if (older.state === 'unavailable') return h('p.warn#older-unavailable', t('olderUnavailable'), ' ', button('.plain#older', t('tryAgain'), '', load));
    return older.state !== 'absent' && button('.plain#older', t('older'), '', load, { disabled: older.state === 'loading' });
  };
  const list = (some, hook) => some.map((found) => interaction(app, found, hook));
  return [
    h('section.last#last', { 'data-part': 'last' }, h('h2', t('last')), known.length ? list(known.slice(0, LAST), 'last-item') : h('p.dim', t('noContacts'))),
    h('section.history#history', { 'data-part': 'history' }, all.length > LAST && h('h2', t('earlier')), list(all.slice(LAST), 'interaction'), app.desk.has_history && !pop?.pending && line()),
  ];
}

const legsOf = (found, ...names) => [...new Set((found.activities ?? []).map((leg) => names.map((name) => leg[name]).find(Boolean)))].filter(Boolean).join(', ');

/** The contact's line: arrow, when, who, how long, wrap-up; open, everything that is known of its legs. */
function interaction({ t, time }, found, hook) {
  const word = (kind) => (KINDS.includes(kind) ? t(kind) : kind);
  const long = ({ duration_s: seconds }) => h('span.long', typeof seconds === 'number' && time.length(seconds));
  const exact = time.exact(found.started_at);
  const title = (text) => [{ title: text }, text];
  return h(`details.contact#${hook}`, { 'data-id': found.id },
    h('summary', arrow(t, found.direction === 'outbound'), h('span', { title: exact, 'data-ago': found.started_at }, time.ago(found.started_at)),
      h('span.whom~', ...title(legsOf(found, 'agent_name', 'agent_id') || (found.type === 'ivr' ? t('ivrOnly') : word(found.type ?? '')))), long(found), h('span.wrap.dim~', ...title(legsOf(found, 'wrap_up')))),
    h('p.small.dim', [exact, found.type && word(found.type), grouped(found.ani)].filter(Boolean).join(' · ')),
    h('ol', (found.activities ?? []).map((leg) => h('li#activity', h('span', time.clock(leg.started_at)),
      h('span~', [word(leg.kind), leg.agent_name, leg.agent_id && (leg.agent_name ? `(${leg.agent_id})` : leg.agent_id), leg.team, leg.extension && t('extension', { number: leg.extension })].filter(Boolean).join(' · ').replace(' · (', ' (')),
      long(leg), (leg.agent_id || leg.wrap_up) && h('span.wrap.dim~', leg.wrap_up || t('noWrapUp'))))));
}
