// Which calls there are, and which one is on screen. Pure: messages in, what is to be done out.

/** How many calls that are over are kept at hand, and how many pops are remembered as seen. */
const RECENT = 20;
const SEEN = 200;

export const isOver = (pop) => pop.state !== 'ringing' && pop.state !== 'answered';

/**
 * `saved`: what `memory` gave, of this tab's life before a reload. The epoch is not in it: where a service really begins anew,
 * a reload is how people get out of refusing it.
 */
export function create(saved = {}) {
  return {
    epoch: 0, seen: saved.seen ?? [], fired: saved.fired ?? [], shown: saved.shown ?? null,
    pops: new Map(), elsewhere: new Set(), anew: null,
  };
}

export const memory = ({ seen, fired, shown }) => ({ seen: seen.slice(-SEEN), fired: fired.slice(-SEEN), shown });

/** The pop on screen. */
export const shownPop = (state) => state.pops.get(state.shown) ?? null;

/** Calls that ring or are held while another one is on screen, oldest first. */
export const waiting = (state) => [...state.pops.values()]
  .filter((pop) => !isOver(pop) && pop.pop_id !== state.shown && !state.elsewhere.has(pop.pop_id))
  .sort((one, other) => (one.at < other.at ? -1 : 1));

/** Calls that are over, newest first, but the one on screen. */
export const recent = (state) => [...state.pops.values()]
  .filter((pop) => isOver(pop) && pop.pop_id !== state.shown)
  .sort((one, other) => ((other.ended_at ?? other.at) < (one.ended_at ?? one.at) ? -1 : 1));

/** The next `count` pops are all that there are: whatever else we take for a call is over. */
export function begin(state, count) {
  state.anew = { left: count, ids: [] };
  settle(state);
}

function settle(state) {
  if (state.anew.left > 0) return;
  keepOnly(state, state.anew.ids);
  state.anew = null;
  if (!shownPop(state)) leave(state);
}

/**
 * Applies a pop, update or clear. `{}` where it is older than what is known: an epoch below one seen, an id
 * below the pop's. Otherwise `{pop, isNew, answered}`: seen for the first time, answered just now.
 */
export function apply(state, message) {
  const { anew } = state;
  if (anew) {
    // Two nodes that heard the same ring may have named its pop apart: it is one call, which is told once.
    const known = [...state.pops.values()].find((pop) => pop.call_id === message.call_id && !isOver(pop));
    if (known && !state.pops.has(message.pop_id)) rename(state, known, message.pop_id);
  }
  const done = one(state, message);
  if (anew) {
    anew.ids.push(message.pop_id);
    anew.left -= 1;
    settle(state);
  }
  return done;
}

function rename(state, pop, popId) {
  const before = pop.pop_id;
  state.pops.delete(before);
  state.pops.set(popId, Object.assign(pop, { pop_id: popId }));
  state.seen.push(popId);
  state.fired.push(...state.fired.filter((key) => key.startsWith(`${before}:`)).map((key) => popId + key.slice(before.length)));
  if (state.elsewhere.delete(before)) state.elsewhere.add(popId);
  if (state.shown === before) state.shown = popId;
}

function one(state, message) {
  const epoch = message.epoch ?? state.epoch;
  if (epoch < state.epoch) return {};
  state.epoch = epoch;
  const before = state.pops.get(message.pop_id);
  if (before && !state.anew && before.epoch === epoch && message.id < before.id) return {};
  // The same object for as long as the call is known: what the page's controls hold is never an older one.
  const was = before?.state;
  const pop = Object.assign(before ?? {}, message, { epoch });
  if (message.type === 'clear') {
    pop.cleared = true;
    if (!isOver(pop)) pop.state = 'missed';
  }
  state.pops.set(pop.pop_id, pop);
  const isNew = !state.seen.includes(pop.pop_id);
  if (isNew) state.seen.push(pop.pop_id);
  const answered = pop.state === 'answered' && was !== 'answered';
  const over = isOver(pop) && (was === 'ringing' || was === 'answered');
  place(state, pop, { isNew, answered, over });
  for (const old of recent(state).slice(RECENT)) state.pops.delete(old.pop_id);
  return { pop, isNew, answered };
}

/** A call in progress keeps the page; a call that rings has it until one is answered; one that is over gives it up. */
function place(state, pop, { isNew, answered, over }) {
  const current = shownPop(state);
  // After a reload the one that was on screen may come behind others that were there.
  if (!current && state.shown !== null && !isNew) return;
  if (current === pop) {
    // An ended call stays for its wrap-up unless another one waits; what this agent never had goes.
    if (!over) return;
    if (pop.cleared || pop.state !== 'ended') state.shown = null;
    next(state);
  } else if (answered && current?.state !== 'answered' && !state.elsewhere.has(pop.pop_id)) {
    state.shown = pop.pop_id;
  } else if (pop.state === 'ringing' && isNew && (!current || isOver(current))) {
    state.shown = pop.pop_id;
  } else if (!current && !isOver(pop) && !state.elsewhere.has(pop.pop_id)) {
    state.shown = pop.pop_id;
  }
}

function next(state) {
  const calls = waiting(state);
  const wanted = calls.find((pop) => pop.state === 'answered') ?? calls[0];
  if (wanted) state.shown = wanted.pop_id;
}

/** The agent wants this one (a card, a recent call, "show here"). */
export function show(state, popId) {
  if (!state.pops.has(popId)) return;
  state.elsewhere.delete(popId);
  state.shown = popId;
}

/** Back to the waiting page, or to a call. */
export function leave(state) {
  state.shown = null;
  next(state);
}

/** Another tab shows this pop: here it is told while it rings, and gone once it is answered. */
export function yieldPop(state, popId) {
  const pop = state.pops.get(popId);
  if (!pop) return;
  state.elsewhere.add(popId);
  if (state.shown === popId && pop.state !== 'ringing') leave(state);
}

/** Only what the server has is going on: whatever else we took for a call is over. */
function keepOnly(state, popIds) {
  for (const pop of state.pops.values()) {
    if (isOver(pop) || popIds.includes(pop.pop_id)) continue;
    pop.state = pop.state === 'answered' ? 'ended' : 'missed';
    if (state.shown === pop.pop_id && pop.state === 'missed') leave(state);
  }
}

/** What a page with this pop is: `waiting`, `elsewhere`, or the pop's own, by the customer it has now. */
export function pageOf(state) {
  const pop = shownPop(state);
  if (!pop) return 'waiting';
  if (state.elsewhere.has(pop.pop_id)) return 'elsewhere';
  const customer = customerOf(pop);
  if (customer) return openCase(pop, customer) ? 'case' : 'customer';
  return pop.page === 'several' || pop.page === 'withheld' ? pop.page : 'unknown';
}

/** The customer of a call: found, linked, or made a moment ago. */
export const customerOf = (pop) => pop.lookup?.customer ?? pop.pending ?? null;

const ENDED = ['closed', 'resolved', 'solved', 'cancelled', 'canceled', 'done', 'completed', 'merged', 'inactive'];
export const isOpen = (found) => !ENDED.includes((found.status ?? '').toLowerCase());

/** The newest open case. */
export const openCase = (pop, customer) => pop?.lookup?.open_case ?? (customer?.cases ?? []).find(isOpen) ?? null;
