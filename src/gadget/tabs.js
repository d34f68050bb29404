// Several tabs of one agent in one browser agree on who shows a pop, and the server is asked to keep the word of it
// (`ack`): the first one shows it. A tab that is not looked at lets the others go first.

const HIDDEN_WAIT = 400;
/** How long a tab may take to say that it is there: on a busy machine longer than a person notices. */
const PING_WAIT = 2000;

export class Tabs {
  /** `on.mine(popId)`: agreed to be this tab's; `on.elsewhere(popId)`: another's; `on.here(popId)`: it is this tab's now. */
  constructor(agent, ack, on) {
    Object.assign(this, { ack, on, mine: new Set(), agreed: new Set(), asked: new Map(), answers: new Map(), timers: new Map() });
    this.load = crypto.randomUUID?.() ?? String(Math.random());
    this.id = sessionStorage.getItem('ringside:tab') ?? this.fresh();
    this.keep();
    this.channel = 'BroadcastChannel' in window ? new BroadcastChannel(`ringside:${agent}`) : null;
    this.channel?.addEventListener('message', ({ data }) => this.hear(data));
    // A duplicated tab has copied our id: the older one keeps it.
    this.tell({ type: 'begin' });
    addEventListener('pagehide', () => this.tell({ type: 'gone', pops: [...this.mine] }));
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      for (const popId of [...this.timers.keys()]) this.claim(popId);
    });
  }

  fresh() {
    return (crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)).slice(0, 13);
  }

  /** Remembered for this browser too, so that another tab can tell a tab that crashed from one of another browser. */
  keep() {
    try {
      sessionStorage.setItem('ringside:tab', this.id);
      const known = JSON.parse(localStorage.getItem('ringside:tabs') ?? '[]').filter((id) => id !== this.id);
      localStorage.setItem('ringside:tabs', JSON.stringify([...known, this.id].slice(-50)));
    } catch { /* Without storage every load is a tab of its own. */ }
  }

  tell(message) { this.channel?.postMessage({ ...message, tab: this.id, load: this.load }); }

  hear({ type, tab, load, popId, pops, whom }) {
    if (type === 'begin' && tab === this.id && load !== this.load) this.tell({ type: 'taken' });
    else if (type === 'taken' && tab === this.id && load !== this.load) { this.id = this.fresh(); this.keep(); }
    else if (type === 'shows') { this.drop(popId); if (!this.mine.has(popId)) this.on.elsewhere(popId); }
    else if (type === 'ask' && whom === this.id) this.tell({ type: 'here', popId });
    else if (type === 'here') this.answers.set(tab, Date.now());
    else if (type === 'gone') for (const id of pops) if (document.visibilityState === 'visible') this.on.here(id);
  }

  drop(popId) {
    clearTimeout(this.timers.get(popId));
    this.timers.delete(popId);
  }

  /** A pop came, or an update of it that says who shows it. */
  met(pop) {
    const { pop_id: popId, shown_by: by } = pop;
    if (by === this.id) { this.mine.add(popId); return this.agree(popId); }
    if (by) return this.mine.has(popId) ? null : this.check(popId, by);
    if (this.mine.has(popId) || this.timers.has(popId)) return null;
    if (document.visibilityState === 'visible') return this.claim(popId);
    this.timers.set(popId, setTimeout(() => this.claim(popId), HIDDEN_WAIT));
    return null;
  }

  async claim(popId) {
    this.drop(popId);
    if (this.mine.has(popId)) return;
    this.mine.add(popId);
    this.tell({ type: 'shows', popId });
    try {
      const { mine, shown_by: by } = await this.ack(popId, this.id);
      if (!mine && by && by !== this.id) {
        this.mine.delete(popId);
        this.check(popId, by);
        return;
      }
    } catch { /* Without the server's word the tabs' own has to do. */ }
    this.agree(popId);
  }

  agree(popId) {
    if (this.agreed.has(popId)) return;
    this.agreed.add(popId);
    this.on.mine(popId);
  }

  /** Another tab is said to show it: it is believed, unless it was one of this browser and is no more. */
  check(popId, by) {
    this.drop(popId);
    this.on.elsewhere(popId);
    let known = [];
    try { known = JSON.parse(localStorage.getItem('ringside:tabs') ?? '[]'); } catch { /* as if of another browser */ }
    if (!known.includes(by) && !this.asked.has(popId)) {
      // Of another browser: the server knows whether that one is still there, and who shows it then.
      this.asked.set(popId, 0);
      this.ack(popId, this.id).then(({ mine }) => mine && !this.mine.has(popId) && this.take(popId), () => {});
    }
    if (this.asked.has(popId)) return;
    const at = Date.now();
    this.tell({ type: 'ask', whom: by, popId });
    this.asked.set(popId, setTimeout(() => {
      this.asked.delete(popId);
      if ((this.answers.get(by) ?? 0) < at && !this.mine.has(popId)) this.take(popId);
    }, PING_WAIT));
  }

  take(popId) {
    this.mine.add(popId);
    this.tell({ type: 'shows', popId });
    this.on.here(popId);
  }
}
