// What happened: the last contacts, the earlier ones, and older ones from the system of record.

import { button, h } from './dom.js';
import { grouped } from './number.js';

/** How many are told as the last ones. */
const LAST = 3;

const KINDS = { finesse: 'finesse', ivr: 'ivr', agent: 'agentWord', transfer: 'transfer', conference: 'conference', sms: 'sms' };

export function historyParts(app, pop, customer) {
  const { t } = app;
  const known = customer.interactions ?? [];
  const older = app.older.get(customer.id) ?? { list: [], state: 'idle' };
  const ids = new Set(known.map(({ id }) => id));
  const all = [...known, ...older.list.filter(({ id }) => !ids.has(id))];
  const id = [customer.id, t.locale];
  const parts = [['last', [id, known.slice(0, LAST)], () => h('section.last', { data: { test: 'last' } },
    h('h2', {}, t('last')),
    known.length ? known.slice(0, LAST).map((found) => interaction(app, found, 'last-item')) : h('p.dim', {}, t('noContacts')))]];
  if (all.length > LAST || (app.desk.has_history && !pop?.pending)) {
    parts.push(['history', [id, all.slice(LAST), older.state, app.desk.has_history], () => h('section.history', { data: { test: 'history' } },
      all.length > LAST && h('h2', {}, t('earlier')),
      all.slice(LAST).map((found) => interaction(app, found, 'interaction')),
      app.desk.has_history && !pop?.pending && olderLine(app, customer, all, older))]);
  }
  return parts;
}

function olderLine(app, customer, all, older) {
  const { t } = app;
  const load = () => app.loadOlder(customer, all.at(-1)?.started_at);
  switch (older.state) {
    case 'over': return all.length > LAST ? null : h('p.dim', {}, t('olderNone'));
    case 'unavailable': return h('p.warn', { data: { test: 'older-unavailable' } }, t('olderUnavailable'), ' ', button('older', t('tryAgain'), '', load, { className: 'plain' }));
    case 'absent': return null;
    default: return button('older', t('older'), '', load, { className: 'plain', disabled: older.state === 'loading' });
  }
}

const agentsOf = ({ activities = [] }) => [...new Set(activities.map(({ agent_name: name, agent_id: id }) => name || id).filter(Boolean))];
const wrapUpsOf = ({ activities = [] }) => [...new Set(activities.map(({ wrap_up: wrapUp }) => wrapUp).filter(Boolean))];

/** The contact's line: arrow, when, who, how long, wrap-up; open, everything that is known of its legs. */
function interaction(app, found, test) {
  const { t, time } = app;
  const out = found.direction === 'outbound';
  const agents = agentsOf(found);
  const kind = found.type ?? found.kind ?? '';
  const word = (name) => (name in KINDS ? t(KINDS[name]) : name);
  return h('details.contact', { data: { test, id: found.id } },
    h('summary', {},
      h('span.arrow', { role: 'img', 'aria-label': t(out ? 'outbound' : 'inbound'), title: t(out ? 'outbound' : 'inbound') }, out ? '↗' : '↘'),
      h('span.when', { title: time.exact(found.started_at), data: { ago: found.started_at } }, time.ago(found.started_at)),
      h('span.whom', { dir: 'auto' }, agents.join(', ') || (kind === 'ivr' ? t('ivrOnly') : word(kind))),
      h('span.long', {}, found.duration_s === undefined || found.duration_s === null ? '' : time.length(found.duration_s)),
      h('span.wrap.dim', { dir: 'auto' }, wrapUpsOf(found).join(', '))),
    h('p.small.dim', {}, [time.exact(found.started_at), word(kind), found.ani && grouped(found.ani)].filter(Boolean).join(' · ')),
    h('ol.legs', {}, (found.activities ?? []).map((leg) => h('li', { data: { test: 'activity' } },
      h('span.when', {}, time.clock(leg.started_at)),
      h('span', { dir: 'auto' }, [word(leg.kind), leg.agent_name && leg.agent_id ? `${leg.agent_name} (${leg.agent_id})` : (leg.agent_name ?? leg.agent_id),
        leg.team, leg.extension && t('extension', { number: leg.extension })].filter(Boolean).join(' · ')),
      h('span.long', {}, leg.duration_s === undefined || leg.duration_s === null ? '' : time.length(leg.duration_s)),
      (leg.agent_id || leg.wrap_up) && h('span.wrap.dim', { dir: 'auto' }, leg.wrap_up || t('noWrapUp'))))));
}
