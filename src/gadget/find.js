// Finding a customer: over the page, so that nothing under it moves; the page is as it was when one goes back.

import { button, h } from './dom.js';
import { chip, labelsOf } from './card.js';
import { grouped } from './number.js';

const SORTS = [['name', 'sortName'], ['-created_at', 'sortNew'], ['created_at', 'sortOld'], ['-updated_at', 'sortChanged']];
const TYPING = 180;
const PAGE_SIZE = 20;

export class Find {
  /** `pop`: the call that a choice is linked to, or null, where customers are only looked at. */
  constructor(app, pop, text = '') {
    const { t } = app;
    Object.assign(this, { app, pop, page: 1, rows: [] });
    this.input = h('input', {
      type: 'search', value: text, autocomplete: 'off', spellcheck: false, 'aria-label': t('findLabel'), placeholder: t('findLabel'), 'aria-controls': 'found',
      oninput: () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.look(1), TYPING); }, data: { test: 'find-input' },
    });
    this.sort = h('select', { 'aria-label': t('sort'), onchange: () => this.look(1), data: { test: 'find-sort' } }, SORTS.map(([value, word]) => h('option', { value }, t(word))));
    this.total = h('span.small.dim', { role: 'status', data: { test: 'find-total' } });
    this.list = h('ul', { id: 'found' });
    this.pages = h('p.pages');
    this.node = h('section.find', { role: 'search', 'aria-label': t('find'), onkeydown: (event) => this.key(event), data: { test: 'find' } },
      h('div.line', {}, this.input, button('find-back', t('back'), 'Esc', () => app.back(), { className: 'plain' })),
      h('div.line', {}, this.total, this.sort), this.list, this.pages);
    if (text) this.look(1);
  }

  /** Answers that come later than those of a later question are dropped. */
  async look(page) {
    const { app } = this;
    this.asked?.abort();
    const search = this.input.value.trim();
    if (!search) return this.show({ customers: [], total: null });
    const asked = new AbortController();
    this.asked = asked;
    const query = new URLSearchParams({ search, sort: this.sort.value, page, page_size: PAGE_SIZE });
    try {
      const found = await app.wire.get(`/customers?${query}`, { signal: asked.signal });
      if (this.asked === asked) this.show(found);
    } catch (error) {
      if (error.name !== 'AbortError' && this.asked === asked) this.total.textContent = app.reason(error);
    }
    return undefined;
  }

  show({ customers, total, total_is_exact: isExact = true, page = 1, pages = 1 }) {
    const { t } = this.app;
    this.page = page;
    this.total.textContent = total === null ? '' : total === 0 ? '' : t(isExact ? 'findTotal' : 'findAbout', { n: total });
    this.list.replaceChildren(...(total === 0 ? [h('li.dim', { data: { test: 'find-none' } }, t('findNone'))] : customers.map((found) => h('li', {}, this.row(found)))));
    this.rows = [...this.list.querySelectorAll('button')];
    this.select(0);
    this.pages.replaceChildren(...(pages > 1 ? [
      button('find-previous', t('previous'), '', () => this.look(page - 1), { disabled: page <= 1, className: 'plain' }),
      h('span.small.dim', {}, t('page', { page, pages })),
      button('find-next', t('next'), '', () => this.look(page + 1), { disabled: page >= pages, className: 'plain' }),
    ] : []));
  }

  row(found) {
    const { app, pop } = this;
    const { t } = app;
    return h('button.row', {
      type: 'button', title: t(pop ? 'linkThis' : 'look'), onclick: () => (pop ? app.link(pop, found) : app.look(found.customer_id)),
      onfocus: (event) => this.select(this.rows.indexOf(event.currentTarget)), data: { test: 'find-row', id: found.customer_id },
    },
    h('span', { dir: 'auto' }, found.name || found.customer_id, labelsOf(found).length > 0 && h('span.chips', {}, labelsOf(found).slice(0, 3).map(chip)), found.pending && h('span.small.pending', {}, ` ${t('pending')}`)),
    h('span.small.dim', { dir: 'auto' }, [found.company, ...(found.phones ?? []).slice(0, 2).map(grouped)].filter(Boolean).join(' · ')),
    found.open_case && h('span.small', { dir: 'auto' }, [found.open_case.number, found.open_case.title].filter(Boolean).join(' ')));
  }

  select(nth) {
    this.selected = Math.max(0, Math.min(nth, this.rows.length - 1));
    this.rows.forEach((row, at) => row.toggleAttribute('data-selected', at === this.selected));
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && event.target !== this.sort) {
      event.preventDefault();
      // From the input the first row is the selected one already.
      this.select(this.selected + step);
      if (event.target === this.input) this.rows[this.selected]?.scrollIntoView({ block: 'nearest' });
      else this.rows[this.selected]?.focus();
    } else if (event.key === 'Enter' && event.target === this.input) {
      event.preventDefault();
      this.rows[this.selected]?.click();
    }
  }
}
