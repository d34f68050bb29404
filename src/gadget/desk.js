// The agent's page: puts the parts together. The state of calls is `pops`, which is pure; what is asked of the server
// is `wire`, what comes from it is `stream`. Everything on screen is made by `render` from what is known.

import { button, fill, h } from './dom.js';
import { formPart } from './form.js';
import { choose, speak } from './words.js';
import { clockwork } from './time.js';
import { readable, resolve, textOn } from './colour.js';
import { Wire } from './wire.js';
import { Stream } from './stream.js';
import { Tabs } from './tabs.js';
import { Parent } from './parent.js';
import * as pops from './pops.js';
import { cardParts, labelsOf } from './card.js';
import { historyParts } from './history.js';
import * as pages from './pages.js';
import { Find } from './find.js';
import { actionParts, blocked, cardPart, handOver, wrapUpPart } from './actions.js';
import { helpPanel, listen } from './keys.js';

const MEMORY = 'ringside:memory';
/** Clicks that were meant for what a ring has just replaced, milliseconds. */
const SETTLING = 350;
/** How long a lost connection is not told, milliseconds: a server that restarts is back by then. */
const QUIET = 1500;
const OLDER_PAGE = 20;

const query = new URLSearchParams(location.search);
const place = (id) => document.getElementById(id);

const app = {
  agent: query.get('agent') ?? '', profile: query.get('profile') ?? '',
  desk: { wrap_ups: [], schema: [], origins: [], dial: 'tel:{number}', sms: 'sms:{number}' },
  stream: 'connecting', mode: null, viewed: null, panel: null, sound: false,
  older: new Map(), details: new Map(), undos: new Map(), notice: '', skew: 0, settled: 0, lastPage: '',
};

// Requests

app.reason = (error) => {
  const { t } = app;
  if (error.status === 0) return t('failed', { why: t('failedUnreachable') });
  if (error.status === 503) return t('failed', { why: t('failedLater') });
  return t('failed', { why: error.message });
};

/** Does what may fail, and says so in the bar where it does. */
async function attempt(act) {
  try {
    return (await act()) ?? true;
  } catch (error) {
    app.tell(app.reason(error));
    return false;
  }
}

const call = (pop) => `/calls/${encodeURIComponent(pop.call_id)}`;

app.link = (pop, found) => attempt(async () => {
  const before = pop.lookup?.customer_id ?? pop.link?.customer_id ?? null;
  const whom = found?.customer_id ?? null;
  const { link } = await app.wire.put(`${call(pop)}/link`, { customer_id: whom });
  if (!app.undos.has(pop.pop_id)) app.undos.set(pop.pop_id, before);
  // The update that follows says the same with the customer's document; until then the page is told at least who.
  const held = app.state.pops.get(pop.pop_id);
  if (whom === null) Object.assign(held, { link, page: held.ring?.ani ? 'unknown' : 'withheld', lookup: { ...held.lookup, customer: null, customer_id: null, open_case: null, match: 'none' }, pending: null });
  else if (held.lookup?.customer?.id !== whom) {
    const { customer } = await app.wire.get(`/customers/${encodeURIComponent(whom)}`);
    if (held.lookup?.customer?.id !== whom) Object.assign(held, { link, lookup: { ...held.lookup, customer, customer_id: whom, open_case: null, match: 'link' } });
  }
  app.parent.tell('link', { pop_id: pop.pop_id, call_id: pop.call_id, customer_id: whom });
  app.mode = null;
  render();
  place('main').focus({ preventScroll: true });
});

/** What takes an agent's link back, or null. */
app.undoFor = (pop) => (app.undos.has(pop.pop_id)
  ? () => { const before = app.undos.get(pop.pop_id); app.link(pop, before && { customer_id: before }).then((done) => { if (done) app.undos.delete(pop.pop_id); render(); }); }
  : null);

/** Makes a customer of a call's form; without `body` the form is opened. Refusals are the form's to show. */
app.create = async (pop, body) => {
  if (!body) {
    app.creating = pop.pop_id;
    render();
    document.querySelector('[data-test="field"]')?.focus();
    return;
  }
  const { customer_id: id, customer } = await app.wire.post('/customers', { ...body, call_id: pop.call_id });
  const held = app.state.pops.get(pop.pop_id);
  if (held && !pops.customerOf(held)) Object.assign(held, { pending: { id, ...customer }, link: { customer_id: id, by: 'agent', agent: app.agent } });
  app.creating = null;
  app.parent.tell('link', { pop_id: pop.pop_id, call_id: pop.call_id, customer_id: id, pending: true });
  render();
};

app.wrapUp = (pop, text) => attempt(async () => {
  await app.wire.post(`${call(pop)}/events`, { event: 'wrap_up', wrap_up: text });
  const held = app.state.pops.get(pop.pop_id);
  if (held) held.wrap_up = text;
  render();
});

/** Hands a number to whoever telephones: the page around this one, or the system by its kind of address. */
function hand(kind, number, pop, customer) {
  const message = { number, customer_id: customer?.id ?? null, call_id: pop?.call_id ?? null };
  if (app.parent.hears) app.parent.tell(kind, message);
  else {
    const address = handOver(app.desk[kind], number);
    if (!address) return;
    if (/^https?:/.test(address)) window.open(address, '_blank', 'noopener,noreferrer'); else location.assign(address);
  }
}

app.dial = (pop, customer, number) => {
  const why = blocked(app, 'dial', customer, number);
  if (why) return app.tell(why);
  hand('dial', number, pop, customer);
  return app.tell(app.t('dialled', { number }));
};

/** A message to a known customer is part of their history: it is recorded first, where the server may say no. */
app.sms = async (pop, customer, number) => {
  const why = blocked(app, 'sms', customer, number);
  if (why) return app.tell(why);
  let said = app.t('smsRecorded');
  if (customer?.id) {
    try {
      await app.wire.post('/interactions', { type: 'sms', customer_id: customer.id, number, ...(pop && { call_id: pop.call_id }) });
    } catch (error) {
      if (error.status === 409) return app.tell(app.t('whyNotSms'));
      said = app.t('smsUnrecorded', { why: app.reason(error) });
    }
  }
  hand('sms', number, pop, customer);
  return app.tell(said);
};

app.loadOlder = async (customer, before) => {
  const held = app.older.get(customer.id) ?? { list: [], state: 'idle' };
  app.older.set(customer.id, held);
  held.state = 'loading';
  render();
  try {
    const search = new URLSearchParams({ limit: OLDER_PAGE, ...(before && { before }) });
    const { interactions, more } = await app.wire.get(`/customers/${encodeURIComponent(customer.id)}/interactions?${search}`);
    held.list.push(...interactions);
    held.state = more && interactions.length ? 'idle' : 'over';
  } catch (error) {
    held.state = error.status === 404 ? 'absent' : 'unavailable';
  }
  render();
};

/** What a chooser's rows say beside names: asked for once, shown where there is place kept for it. */
async function loadDetails(pop) {
  if (app.details.has(pop.pop_id) || !pop.ring?.ani) return;
  app.details.set(pop.pop_id, new Map());
  try {
    const { customers } = await app.wire.get(`/customers?${new URLSearchParams({ search: pop.ring.ani, page_size: 20 })}`);
    app.details.set(pop.pop_id, new Map(customers.map((found) => [found.customer_id, found])));
    render();
  } catch { /* The names are there. */ }
}

// Moving about

app.find = (text) => {
  if (app.stream === 'refused') return;
  const pop = pops.shownPop(app.state);
  const page = pops.pageOf(app.state);
  const isCall = pop && page !== 'elsewhere' && app.mode !== 'view';
  app.panel = new Find(app, isCall ? pop : null, text ?? (page === 'unknown' ? pop.ring?.ani ?? '' : ''));
  app.mode = 'find';
  render();
  app.panel.input.focus();
  app.panel.input.select();
};

app.look = (id) => attempt(async () => {
  const { customer } = await app.wire.get(`/customers/${encodeURIComponent(id)}`);
  app.viewed = customer;
  app.mode = 'view';
  render();
});

app.help = () => { app.panel = { node: helpPanel(app) }; app.mode = 'keys'; render(); };

app.back = () => {
  if (app.mode === 'find' && app.viewed) app.viewed = null;
  app.mode = null;
  app.panel = null;
  render();
  place('main').focus({ preventScroll: true });
};

app.show = (popId) => {
  pops.show(app.state, popId);
  app.tabs.mine.add(popId);
  app.mode = null;
  remember();
  render();
  place('main').focus({ preventScroll: true });
};

app.canLeave = () => { const pop = pops.shownPop(app.state); return pop && pops.isOver(pop); };
app.leave = () => { pops.leave(app.state); remember(); render(); };

app.setSound = (on) => {
  app.sound = on;
  try { localStorage.setItem('ringside:sound', on ? 'on' : 'off'); } catch { /* for this page only */ }
  if (on) chime();
  render();
};

/** Says something in the bar for a while; screen readers hear it. */
app.tell = (text) => {
  app.notice = text;
  place('said').textContent = text;
  clearTimeout(app.noticeEnds);
  app.noticeEnds = setTimeout(() => { app.notice = ''; render(); }, 8000);
  render();
};

app.useKey = (key) => {
  app.wire.key = key;
  sessionStorage.setItem(`ringside:key:${app.agent}`, key);
  connect();
};

function chime() {
  try {
    const sound = new AudioContext();
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    volume.gain.setValueAtTime(0.08, sound.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.0001, sound.currentTime + 0.6);
    tone.connect(volume).connect(sound.destination);
    tone.frequency.value = 880;
    tone.start();
    tone.stop(sound.currentTime + 0.6);
  } catch { /* A page without sound is still a page. */ }
}

const remember = () => {
  try { sessionStorage.setItem(MEMORY + app.agent, JSON.stringify(pops.memory(app.state))); } catch { /* lost at a reload */ }
};

// What comes in

/** One sentence for whoever hears the page. */
function sentence(pop) {
  const { t } = app;
  const customer = pops.customerOf(pop);
  const open = pops.openCase(pop, customer);
  return [t(pop.ring?.direction === 'outbound' ? 'saidOut' : 'saidRing'), pages.titleOf(app, pop), ...labelsOf(customer).map(({ name }) => name), open && t('saidCase', { number: open.number ?? open.title ?? '' })].filter(Boolean).join(', ');
}

function take(message) {
  if (message.type === 'hello') return hello(message);
  if (!['pop', 'update', 'clear'].includes(message.type)) return undefined;
  const isReplay = message.id <= app.lastBefore;
  const { ignored, pop, isNew, answered } = pops.apply(app.state, message);
  if (ignored) return undefined;
  const wasShown = app.wasShown;
  if (!pops.isOver(pop)) app.tabs.met(pop);
  if (pop.page === 'several') loadDetails(pop);
  const isShown = app.state.shown === pop.pop_id;
  const isElsewhere = app.state.elsewhere.has(pop.pop_id);
  if (isNew && pop.state === 'ringing' && !isElsewhere) {
    place('said').textContent = isShown ? sentence(pop) : `${app.t('saidWaits')}: ${pages.titleOf(app, pop)}`;
    if (app.sound && !isReplay) chime();
  }
  if (isNew && isReplay && (pop.missed || pop.state === 'missed')) app.missed = (app.missed ?? 0) + 1;
  if (app.state.shown !== wasShown) {
    // A ring takes the place of whatever is looked at, but not of a search that is under way.
    if (app.mode === 'view') app.mode = null;
    app.settled = Date.now() + SETTLING;
  }
  app.wasShown = app.state.shown;
  fire(pop, answered);
  remember();
  render();
  return undefined;
}

/** Opens the pop's address, or hands it to the parent, once for a pop, whatever is repeated. */
function fire(pop, answered) {
  if (pops.isOver(pop) || !app.tabs.agreed.has(pop.pop_id)) return;
  const fired = (what) => { const key = `${pop.pop_id}:${what}`; if (app.state.fired.includes(key)) return true; app.state.fired.push(key); return false; };
  const told = { pop_id: pop.pop_id, call_id: pop.call_id, state: pop.state, page: pop.page, ani: pop.ring?.ani ?? null, customer_id: pops.customerOf(pop)?.id ?? null };
  const isDue = pop.fire_on === 'answer' ? pop.state === 'answered' : true;
  if (!fired('ring')) app.parent.tell('ring', { ...told, url: isDue ? pop.url : null });
  else if (answered && pop.fire_on === 'answer' && !fired('answer')) app.parent.tell('ring', { ...told, url: pop.url });
  if (isDue && pop.url && app.desk.open && !app.parent.hears && !fired('open')) window.open(pop.url, 'ringside-record', 'noreferrer');
}

async function hello(message) {
  app.lastBefore = message.id ?? 0;
  if (message.now) app.skew = Date.parse(message.now) - Date.now();
  if ((message.epoch ?? 0) > app.state.epoch) app.state.epoch = message.epoch;
  render();
  if (message.reset || !app.met) current();
  app.met = true;
}

/** The calls that are: for a page that has just come, or that cannot tell what it missed. */
async function current() {
  try {
    const { pops: list = [], id } = await app.wire.get('/current');
    app.lastBefore = Math.max(app.lastBefore ?? 0, id ?? 0);
    for (const pop of [...list].reverse()) take({ type: 'pop', id, ...pop });
    pops.keepOnly(app.state, list.map((pop) => pop.pop_id));
    if (!pops.shownPop(app.state)) pops.leave(app.state);
    app.wasShown = app.state.shown;
    render();
  } catch { /* The stream tells what is new. */ }
}

// The screen

function status() {
  const { t, desk, state } = app;
  if (app.notice) return ['note', app.notice];
  if (app.stream === 'lost') return ['lost', t('lost')];
  if (app.stream === 'connecting') return ['dim', t('connecting')];
  if (app.missed) return ['note', t('missedWhile', { n: app.missed })];
  const lookup = pops.shownPop(state)?.lookup;
  if (lookup?.stale ?? desk.stale) {
    const asOf = lookup?.stale && lookup.age_ms !== null && lookup.age_ms !== undefined ? new Date(app.time.now() - lookup.age_ms).toISOString() : desk.as_of;
    return ['stale', asOf ? t('stale', { time: app.time.clock(asOf) }) : t('staleUnknown')];
  }
  return ['dim', t('connected', { who: [desk.name, app.agent].filter(Boolean).join(', ') })];
}

function render() {
  const { t, state, mode } = app;
  const pop = pops.shownPop(state);
  const customer = mode === 'view' ? app.viewed : pop && pops.customerOf(pop);
  const page = app.stream === 'refused' ? 'refused' : mode === 'view' ? 'view' : pops.pageOf(state);
  const shown = mode === 'view' || page === 'refused' || page === 'elsewhere' ? null : pop;
  Object.assign(document.body.dataset, { stream: app.stream, page, call: shown?.state ?? 'none' });
  if (shown) document.body.dataset.pop = shown.pop_id; else delete document.body.dataset.pop;

  const [kind, text] = status();
  place('status').textContent = text;
  place('status').title = text;
  document.body.dataset.note = kind;

  let parts;
  if (page === 'refused') parts = pages.refusedParts(app);
  else if (page === 'waiting') parts = pages.waitingParts(app);
  else if (page === 'elsewhere') parts = pages.elsewhereParts(app, pop);
  else if (page === 'several') parts = [...pages.severalParts(app, pop), ...(app.creating === pop.pop_id ? [formPart(app, pop)] : [])];
  else if (page === 'unknown' || page === 'withheld') parts = pages.unknownParts(app, pop, page === 'withheld');
  else {
    parts = cardParts(app, shown, customer);
    const [last, ...earlier] = historyParts(app, shown, customer);
    parts.splice(-1, 0, last);
    parts.push(...earlier);
  }
  // After the call its wrap-up is what is to be done; during it, it stands where it moves nothing that is read.
  if (shown?.state === 'ended') parts.splice(1, 0, wrapUpPart(app, shown));
  else if (shown?.state === 'answered') parts.push(wrapUpPart(app, shown));
  if (app.panel && (mode === 'find' || mode === 'keys')) parts.push(['panel', [mode, (app.panel.serial ??= Math.random())], () => app.panel.node]);

  const main = place('main');
  const seen = `${page}:${shown?.pop_id ?? ''}`;
  if (seen !== app.lastPage && !mode) main.scrollTop = 0;
  app.lastPage = seen;
  fill(main, parts);
  const isCovered = parts.at(-1)[0] === 'panel';
  for (const child of main.children) child.hidden = isCovered && child !== main.lastChild;

  fill(place('cards'), [cardPart(app, pops.waiting(state))]);
  fill(place('actions'), isCovered ? [] : actionParts(app, page, shown, customer));
  fill(place('tools'), [['tools', [t.locale, page === 'refused'], () => h('span', {},
    page !== 'refused' && button('search', t('link'), '/', () => app.find(), { className: 'plain' }),
    button('help', '?', '?', () => app.help(), { className: 'plain', title: t('keys'), 'aria-label': t('keys') }))]]);
  document.title = shown && !pops.isOver(shown) ? `${shown.state === 'ringing' ? '● ' : ''}${pages.titleOf(app, shown)}` : 'Ringside';
  if (app.parent.hears) app.parent.size(main.offsetTop + place('foot').offsetHeight + [...main.children].reduce((sum, child) => sum + child.offsetHeight, 16));
}

function tick() {
  for (const clock of document.querySelectorAll('[data-since]')) clock.textContent = app.time.length((app.time.now() - Date.parse(clock.dataset.since)) / 1000);
  for (const when of document.querySelectorAll('[data-ago]')) {
    const text = app.time.ago(when.dataset.ago);
    if (when.textContent !== text) when.textContent = text;
  }
}

// Beginning

function dress() {
  const accent = resolve(app.desk.accent) ?? '#0b57d0';
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const { style } = document.documentElement;
  style.setProperty('--accent', readable(accent, isDark ? '#16181b' : '#ffffff'));
  style.setProperty('--fill', accent);
  style.setProperty('--on-fill', textOn(accent));
}

async function configure() {
  try {
    app.configured = false;
    app.desk = { ...app.desk, ...await app.wire.get(`/desk${app.profile ? `?${new URLSearchParams({ profile: app.profile })}` : ''}`) };
    app.configured = true;
  } catch (error) {
    if (error.isRefused) app.stream = 'refused';
  }
  const chosen = choose([query.get('lang'), app.desk.language, ...navigator.languages]);
  if (!app.t || app.t.language !== chosen.language) {
    app.t = await speak(chosen);
    app.t.language = chosen.language;
    app.time = clockwork(chosen.locale, () => Date.now() + app.skew);
    document.documentElement.lang = chosen.language;
  }
  let kept = null;
  try { kept = localStorage.getItem('ringside:sound'); } catch { /* as the profile says */ }
  app.sound = kept ? kept === 'on' : app.desk.sound === true;
  dress();
}

async function connect() {
  app.events?.end();
  app.stream = 'connecting';
  app.met = false;
  await configure();
  if (app.stream === 'refused') return render();
  render();
  let quiet;
  app.events = new Stream(app.wire, {
    message: take,
    state(state) {
      clearTimeout(quiet);
      const turn = () => {
        if (state === 'lost' && app.stream !== 'lost') place('said').textContent = app.t('saidLost');
        if (state === 'live' && app.stream === 'lost') place('said').textContent = app.t('saidBack');
        if (state === 'live' && (app.stream === 'lost' || !app.configured)) configure().then(render);
        app.stream = state;
        render();
      };
      if (state === 'lost' && app.stream !== 'lost') quiet = setTimeout(turn, QUIET); else turn();
    },
  });
  app.events.run();
  return undefined;
}

/** The key: of the address, taken out of it at once; or of this tab's life before a reload. */
function keyGiven() {
  const given = new URLSearchParams(location.hash.slice(1)).get('key');
  const kept = `ringside:key:${app.agent}`;
  if (given) {
    history.replaceState(null, '', location.pathname + location.search);
    sessionStorage.setItem(kept, given);
  }
  return given ?? sessionStorage.getItem(kept) ?? '';
}

async function begin() {
  if (!app.agent) {
    const t = await speak(choose([query.get('lang'), ...navigator.languages]));
    document.body.dataset.page = 'refused';
    return fill(place('main'), pages.noAgentParts(t));
  }
  app.wire = new Wire(app.agent, keyGiven());
  let saved = {};
  try { saved = JSON.parse(sessionStorage.getItem(MEMORY + app.agent)) ?? {}; } catch { /* a tab without a past */ }
  app.state = pops.create(saved);
  app.parent = new Parent({
    key: ({ key }) => typeof key === 'string' && app.useKey(key),
    search: ({ text }) => typeof text === 'string' && app.t && app.find(text),
    focus: () => place('main').focus(),
    session: ({ extension, name, team }) => attempt(() => app.wire.put('/session', { extension, name, team })),
    dialog: ({ body, xml }) => app.wire.ask('POST', '//v1/rings/finesse', xml ?? body).catch((error) => app.tell(app.reason(error))),
    failed: ({ number }) => app.tell(app.t('failed', { why: number })),
  });
  app.tabs = new Tabs(app.agent, (popId, tab) => app.wire.post('/ack', { pop_id: popId, tab }), {
    elsewhere: (popId) => { pops.yieldPop(app.state, popId); render(); },
    mine: (popId) => { const pop = app.state.pops.get(popId); if (pop) { fire(pop, pop.state === 'answered'); remember(); } },
    here: (popId) => { const pop = app.state.pops.get(popId); if (pop && !pops.isOver(pop)) { pops.show(app.state, popId); render(); } },
  });
  // Whoever has a key for us hands it over now.
  app.parent.tell('ready');
  await connect();
  listen(app);
  setInterval(tick, 1000);
  // What a ring has just put under the pointer is not what was aimed at.
  addEventListener('click', (event) => {
    if (event.isTrusted && event.detail && Date.now() < app.settled && place('main').contains(event.target)) { event.stopPropagation(); event.preventDefault(); }
  }, true);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { dress(); render(); });
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') app.events?.kick(); });
  addEventListener('pointerdown', () => { if (app.missed) { app.missed = 0; render(); } });
  return undefined;
}

begin();
