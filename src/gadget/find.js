// Finding a customer: over the page, so that nothing under it moves; the page is as it was when one goes back.

import { button, h } from './dom.js';
import { chips } from './card.js';
import { grouped } from './number.js';
import { caseOf } from './pages.js';

const SORTS = { name: 'sortName', '-created_at': 'sortNew', created_at: 'sortOld', '-updated_at': 'sortChanged' };
const TYPING = 180;

export class Find {
  /** `pop`: the call that a choice is linked to, or null, where customers are only looked at. */
  constructor(app, pop, text) {
    const { t } = app;
    Object.assign(this, { app, pop, rows: [] });
    this.input = h('input#find-input', { type: 'search', value: text, autocomplete: 'off', spellcheck: false, 'aria-label': t('findLabel'), placeholder: t('findLabel'),
      oninput: () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.look(1), TYPING); } });
    this.sort = h('select#find-sort', { 'aria-label': t('sort'), onchange: () => this.look(1) }, Object.entries(SORTS).map(([value, word]) => h('option', { value }, t(word))));
    this.total = h('span.small.dim#find-total', { role: 'status' });
    this.list = h('ul');
    this.pages = h('p.line');
    this.node = h('section.find#find', { role: 'search', 'aria-label': t('find'), onkeydown: (event) => this.key(event) },
      h('div.line', this.input, button('.plain#find-back', t('back'), 'Esc', () => app.back())), h('div.line', this.total, this.sort), this.list, this.pages);
    if (text) this.look(1);
  }

  /** Answers that come later than those of a later question are dropped. */
  async look(page) {
    this.asked?.abort();
    const search = this.input.value.trim();
    if (!search) return this.show({ customers: [] });
    const asked = this.asked = new AbortController();
    try {
      const found = await this.app.wire.get(`/customers?${new URLSearchParams({ search, sort: this.sort.value, page, page_size: 20 })}`, asked.signal);
      if (this.asked === asked) this.show(found);
    } catch (error) {
      if (!asked.signal.aborted) this.total.textContent = this.app.reason(error);
    }
    return undefined;
  }

  show({ customers, total, total_is_exact: isExact, page, pages = 1 }) {
    const { t } = this.app;
    this.total.textContent = total ? t(isExact === false ? 'findAbout' : 'findTotal', { n: total }) : '';
    this.rows = customers.map((found) => this.row(found));
    this.list.replaceChildren(...(total === 0 ? [h('li.dim#find-none', t('findNone'))] : this.rows.map((row) => h('li', row))));
    this.select(0);
    this.pages.replaceChildren(...(pages < 2 ? [] : [button('.plain#find-previous', t('previous'), '', () => this.look(page - 1), { disabled: page < 2 }),
      h('span.small.dim', t('page', { page, pages })), button('.plain#find-next', t('next'), '', () => this.look(page + 1), { disabled: page >= pages })]));
  }

  row(found) {
    const { app, pop } = this;
    return button('.row#find-row', [h('b~', found.name || found.customer_id, chips(found, 3)),
      h('span.small.dim~', [found.company, ...(found.phones ?? []).slice(0, 2).map(grouped), found.pending && app.t('pending')].filter(Boolean).join(' · ')), h('span.small~', caseOf(found))],
    '', () => (pop ? app.link(pop, found) : app.look(found.customer_id)),
    { title: app.t(pop ? 'linkThis' : 'look'), onfocus: ({ currentTarget }) => this.select(this.rows.indexOf(currentTarget)), 'data-id': found.customer_id });
  }

  select(nth) {
    this.selected = Math.max(0, Math.min(nth, this.rows.length - 1));
    this.rows.forEach((row, at) => row.toggleAttribute('data-selected', at === this.selected));
  }

  key(event) {
    const { target, key } = event;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step && target !== this.sort) {
      event.preventDefault();
      this.select(this.selected + step);
      if (target !== this.input) this.rows[this.selected]?.focus();
      else this.rows[this.selected]?.scrollIntoView({ block: 'nearest' });
    } else if (key === 'Enter' && target === this.input) {
      event.preventDefault();
      this.rows[this.selected]?.click();
    }
  }
}
