// The agent's page: puts the parts together. The state of calls is `pops`, which is pure; what is asked of the server
// is `doing`, what comes from it is `stream`. Everything on screen is made by `render` from what is known.

import { button, fill, h } from './dom.js';
import { choose, speak } from './words.js';
import { clockwork } from './time.js';
import { readable, resolve, textOn } from './colour.js';
import { Wire } from './wire.js';
import { Stream, Streams } from './stream.js';
import { Tabs } from './tabs.js';
import { Parent } from './parent.js';
import * as pops from './pops.js';
import { cardParts, labelsOf } from './card.js';
import { historyParts } from './history.js';
import { elsewhereParts, noAgentParts, refusedParts, severalParts, titleOf, unknownParts, waitingParts } from './pages.js';
import { kept } from './form.js';
import { Find } from './find.js';
import { actions, cards, wrapUp } from './actions.js';
import { doing } from './doing.js';
import { help, listen } from './keys.js';

/** How long clicks may be meant for what a ring has just replaced, and a lost connection is not told, milliseconds. */
const SETTLING = 350;
const QUIET = 1500;

const query = new URLSearchParams(location.search);
const place = (id) => document.getElementById(id);

const app = {
  agent: query.get('agent') ?? '', desk: { wrap_ups: [], schema: [], dial: 'tel:{number}', sms: 'sms:{number}' }, configured: 0,
  stream: 'connecting', mode: null, older: new Map(), details: new Map(), undos: new Map(), notice: '', skew: 0, settled: 0, before: 0, missed: 0, streams: new Streams(),
};
doing(app, () => render());
const memory = `ringside:memory:${app.agent}`;
const remember = () => kept.write(memory, pops.memory(app.state));
const say = (text) => { place('said').textContent = text; };

// Moving about

function show(mode, panel) {
  app.mode = mode;
  app.panel = panel;
  render();
}

app.find = (text) => {
  if (app.stream === 'refused') return;
  const pop = app.mode === 'view' || pops.pageOf(app.state) === 'elsewhere' ? null : pops.shownPop(app.state);
  const tried = pop && !pops.customerOf(pop) && pop.page === 'unknown' ? pop.ring.ani : '';
  show('find', new Find(app, pop, text ?? tried ?? ''));
  app.panel.input.focus();
  app.panel.input.select();
};

app.help = () => show('keys', { node: help(app) });

app.back = () => {
  show(null);
  place('main').focus({ preventScroll: true });
};

app.show = (popId) => {
  pops.show(app.state, popId);
  app.tabs.mine.add(popId);
  remember();
  app.back();
};

/** A call that is over makes room. */
app.leave = () => {
  const pop = pops.shownPop(app.state);
  if (!pop || !pops.isOver(pop)) return;
  pops.leave(app.state);
  remember();
  render();
};

app.setSound = (on) => {
  app.sound = on;
  try { localStorage.setItem('ringside:sound', on ? 'on' : 'off'); } catch { /* for this page only */ }
  if (on) chime();
  render();
};

/** Says something in the bar for a while; screen readers hear it. */
app.tell = (text) => {
  app.notice = text;
  say(text);
  clearTimeout(app.noticeEnds);
  app.noticeEnds = setTimeout(() => { app.notice = ''; render(); }, 8000);
  render();
};

app.useKey = (key) => {
  app.wire.key = key;
  kept.write(`ringside:key:${app.agent}`, key);
  connect();
};

function chime() {
  try {
    const sound = new AudioContext();
    const [tone, volume] = [sound.createOscillator(), sound.createGain()];
    volume.gain.setValueAtTime(0.08, 0);
    volume.gain.exponentialRampToValueAtTime(0.0001, 0.6);
    tone.connect(volume).connect(sound.destination);
    tone.frequency.value = 880;
    tone.start();
    tone.stop(0.6);
  } catch { /* A page without sound is still a page. */ }
}

// What comes in

/** One sentence for whoever hears the page. */
function sentence(pop) {
  const customer = pops.customerOf(pop);
  const open = pops.openCase(pop, customer);
  return [app.t(pop.ring.direction === 'outbound' ? 'saidOut' : 'saidRing'), titleOf(app, pop), ...labelsOf(customer).map(({ name }) => name), open && app.t('saidCase', { number: open.number ?? open.title ?? '' })].filter(Boolean).join(', ');
}

function take(message) {
  if (message.type === 'hello') return hello(message);
  if (!message.pop_id) return undefined;
  const was = app.state.shown;
  const { pop, isNew, answered } = pops.apply(app.state, message);
  if (!pop) return undefined;
  if (!pops.isOver(pop)) app.tabs.met(pop);
  if (pop.page === 'several') app.loadDetails(pop);
  const isReplay = message.id <= app.before;
  if (isNew && pop.state === 'ringing' && !app.state.elsewhere.has(pop.pop_id)) {
    say(app.state.shown === pop.pop_id ? sentence(pop) : `${app.t('saidWaits')}: ${titleOf(app, pop)}`);
    if (app.sound && !isReplay) chime();
  }
  if (isNew && isReplay && (pop.missed || pop.state === 'missed')) app.missed += 1;
  if (app.state.shown !== was) {
    // A ring takes the place of whatever is looked at, but not of a search that is under way.
    if (app.mode === 'view') app.mode = null;
    app.settled = Date.now() + SETTLING;
  }
  fire(pop, answered);
  remember();
  return render();
}

/** Opens the pop's address, or hands it to the parent, once for a pop, whatever is repeated. */
function fire(pop, answered) {
  if (pops.isOver(pop) || !app.tabs.agreed.has(pop.pop_id)) return;
  const isDue = pop.fire_on !== 'answer' || pop.state === 'answered';
  const once = (what, act) => {
    const key = `${pop.pop_id}:${what}`;
    if (app.state.fired.includes(key)) return;
    app.state.fired.push(key);
    act();
  };
  const tell = () => app.parent.tell('ring', { pop_id: pop.pop_id, call_id: pop.call_id, state: pop.state, page: pop.page, ani: pop.ring.ani, customer_id: pops.customerOf(pop)?.id ?? null, url: isDue ? pop.url : null });
  once('ring', tell);
  if (isDue && pop.url) {
    if (answered && pop.fire_on === 'answer') once('answer', tell);
    if (app.desk.open && !app.parent.hears) once('open', () => window.open(pop.url, 'ringside-record', 'noreferrer'));
  }
}

function hello({ id = 0, now, epoch = 0, reset, pops: count = 0 }) {
  app.before = id;
  if (now) app.skew = Date.parse(now) - Date.now();
  app.state.epoch = Math.max(app.state.epoch, epoch);
  // A page that has just come, or that cannot tell what it missed, is told the calls that there are.
  if (reset) pops.begin(app.state, count);
  render();
}

// The screen

/** What the bar says, and how loud. */
function status() {
  const { t, desk, time, missed } = app;
  if (app.notice) return ['note', app.notice];
  if (app.stream === 'lost') return ['lost', t('lost')];
  if (app.stream !== 'live') return ['dim', app.stream === 'refused' ? '' : t('connecting')];
  if (missed) return ['note', t('missedWhile', { n: missed })];
  const { stale = desk.stale, age_ms: age } = pops.shownPop(app.state)?.lookup ?? {};
  const asOf = typeof age === 'number' ? new Date(time.now() - age).toISOString() : desk.as_of;
  if (stale) return ['stale', asOf ? t('stale', { time: time.clock(asOf) }) : t('staleUnknown')];
  return ['dim', t('connected', { who: [desk.name, app.agent].filter(Boolean).join(', ') })];
}

function partsOf(page, pop, customer) {
  switch (page) {
    case 'refused': return refusedParts(app);
    case 'waiting': return waitingParts(app);
    case 'elsewhere': return elsewhereParts(app, pops.shownPop(app.state));
    case 'several': return severalParts(app, pop);
    case 'unknown': case 'withheld': return unknownParts(app, pop, page === 'withheld');
    default: {
      const parts = cardParts(app, pop, customer);
      const [last, history] = historyParts(app, pop, customer);
      parts.splice(-1, 0, last);
      return [...parts, history];
    }
  }
}

function render() {
  if (!app.t || !app.state) return;
  const { t, state, mode } = app;
  const isView = mode === 'view';
  const page = app.stream === 'refused' ? 'refused' : isView ? 'view' : pops.pageOf(state);
  const pop = ['view', 'refused', 'elsewhere'].includes(page) ? null : pops.shownPop(state);
  const customer = isView ? app.viewed : pop && pops.customerOf(pop);
  const [note, text] = status();
  Object.assign(document.body.dataset, { stream: app.stream, page, call: pop?.state ?? 'none', pop: pop?.pop_id ?? '', note });
  place('status').textContent = text;

  const parts = partsOf(page, pop, customer);
  // After the call its wrap-up is what is to be done; during it, it stands where it moves nothing that is read.
  if (pop?.state === 'ended') parts.splice(1, 0, wrapUp(app, pop));
  else if (pop?.state === 'answered') parts.push(wrapUp(app, pop));
  const main = place('main');
  const { panel } = app;
  // Another call is other parts, even where they look alike; and it is read from its top.
  const seen = `${page}${pop?.pop_id ?? customer?.id ?? ''}`;
  if (main.dataset.seen !== seen && !panel) main.scrollTop = 0;
  // A search stays where it is, for whoever types in it has the focus there.
  if (main.dataset.seen !== seen) for (const child of [...main.children]) if (child !== panel?.node) child.remove();
  main.dataset.seen = seen;
  if (panel) parts.push({ keep: (panel.keep ??= `panel${Math.random()}`), make: () => panel.node });
  fill(main, parts);
  for (const child of main.children) child.hidden = panel && child !== main.lastChild;

  place('cards').className = 'waits';
  fill(place('cards'), cards(app, pops.waiting(state)));
  fill(place('actions'), panel || ['waiting', 'elsewhere', 'refused'].includes(page) ? [] : [actions(app, page, pop, customer)]);
  fill(place('tools'), [page !== 'refused' && button('.plain#search', t('search'), '/', () => app.find()), button('.plain#help', '?', '?', () => app.help(), { title: t('keys'), ariaLabel: t('keys') })]);
  document.title = pop && !pops.isOver(pop) ? `${pop.state === 'ringing' ? '● ' : ''}${titleOf(app, pop)}` : 'Ringside';
  if (app.parent.hears) app.parent.size([...main.children].reduce((sum, child) => sum + child.offsetHeight, main.offsetTop + place('foot').offsetHeight + 16));
}

function tick() {
  for (const clock of document.querySelectorAll('[data-since]')) clock.textContent = app.time.length((app.time.now() - Date.parse(clock.dataset.since)) / 1000);
  for (const when of document.querySelectorAll('[data-ago]')) when.textContent = app.time.ago(when.dataset.ago);
}

// Beginning

const dark = matchMedia('(prefers-color-scheme: dark)');

function dress() {
  const accent = resolve(app.desk.accent) ?? '#0b57d0';
  document.documentElement.style.cssText = `--accent:${readable(accent, dark.matches ? '#16181b' : '#ffffff')};--fill:${accent};--on-fill:${textOn(accent)}`;
}

/** What is answered to an earlier key says nothing of the desk: the present one has asked for itself. */
async function configure(isPresent = app.streams.present()) {
  try {
    const desk = await app.wire.get(`/desk?${new URLSearchParams({ profile: query.get('profile') ?? '' })}`);
    if (isPresent()) Object.assign(app, { desk: Object.assign(app.desk, desk), configured: 1 });
  } catch (error) {
    if (error.isRefused && isPresent()) app.stream = 'refused';
  }
  const chosen = choose([query.get('lang'), app.desk.language, ...navigator.languages]);
  if (app.t?.locale !== chosen.locale) {
    app.t = await speak(chosen);
    app.time = clockwork(chosen.locale, () => Date.now() + app.skew);
    document.documentElement.lang = chosen.language;
  }
  let sound = null;
  try { sound = localStorage.getItem('ringside:sound'); } catch { /* as the profile says */ }
  app.sound = sound ? sound === 'on' : app.desk.sound === true;
  dress();
  render();
}

async function connect() {
  app.stream = 'connecting';
  const settle = async (isPresent) => {
    await configure(isPresent);
    return app.stream !== 'refused';
  };
  let quiet;
  await app.streams.begin(settle, (isPresent) => new Stream(app.wire, take, (state) => {
    clearTimeout(quiet);
    const turn = () => {
      if (!isPresent()) return;
      const was = app.stream;
      app.stream = state;
      if (state === 'lost' && was !== 'lost') say(app.t('saidLost'));
      if (state === 'live' && was === 'lost') say(app.t('saidBack'));
      if (state === 'live' && (was === 'lost' || !app.configured)) configure();
      render();
    };
    if (state === 'lost' && app.stream !== 'lost') quiet = setTimeout(turn, QUIET); else turn();
  }, app.state.epoch));
}

/** The key: of the address, taken out of it at once; or of this tab's life before a reload. */
function keyGiven() {
  const given = new URLSearchParams(location.hash.slice(1)).get('key');
  const where = `ringside:key:${app.agent}`;
  if (given) {
    history.replaceState(null, '', location.pathname + location.search);
    kept.write(where, given);
  }
  return given ?? kept.read(where) ?? '';
}

async function begin() {
  if (!app.agent) {
    document.body.dataset.page = 'refused';
    return fill(place('main'), noAgentParts(await speak(choose([query.get('lang'), ...navigator.languages]))));
  }
  app.wire = new Wire(app.agent, keyGiven());
  app.state = pops.create(kept.read(memory) ?? {});
  app.parent = new Parent({
    key: ({ key }) => app.useKey(String(key)),
    search: ({ text }) => app.t && app.find(String(text ?? '')),
    focus: () => place('main').focus(),
    session: ({ extension, name, team }) => app.attempt(async () => { await app.wire.ask('PUT', '/session', { extension, name, team }); await configure(); }),
    dialog: ({ body, xml }) => app.attempt(() => app.wire.ask('POST', '//v1/rings/finesse', xml ?? body)),
    failed: ({ number }) => app.tell(app.t('failed', { why: number })),
  });
  app.tabs = new Tabs(app.agent, (popId, tab) => app.wire.ask('POST', '/ack', { pop_id: popId, tab }), {
    elsewhere: (popId) => { pops.yieldPop(app.state, popId); render(); },
    mine: (popId) => { const pop = app.state.pops.get(popId); if (pop) fire(pop, pop.state === 'answered'); remember(); },
    here: (popId) => { const pop = app.state.pops.get(popId); if (pop && !pops.isOver(pop)) pops.show(app.state, popId); render(); },
  });
  app.wire.tab = app.tabs.id;
  // Whoever has a key for us hands it over now.
  app.parent.tell('ready');
  await connect();
  listen(app);
  setInterval(tick, 1000);
  // What a ring has just put under the pointer is not what was aimed at.
  addEventListener('click', (event) => {
    if (event.detail && Date.now() < app.settled && place('main').contains(event.target)) { event.stopPropagation(); event.preventDefault(); }
  }, true);
  dark.addEventListener('change', dress);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) app.streams.stream?.look(); });
  return addEventListener('pointerdown', () => { if (app.missed) { app.missed = 0; render(); } });
}

begin();
