// Keys. A letter is a key only where nobody types, and not right after somebody did: a ring that replaces the page
// must not turn the rest of a word into actions.

import { button, h } from './dom.js';

const AFTER_TYPING = 1200;
/** What each key clicks, or with `>` puts the focus on. */
const KEYS = { c: 'dial', t: 'sms', o: 'open', u: 'unlink', n: 'create', a: 'card', Enter: 'elsewhere-show', w: '>wrapup-choice', h: '>last-item' };
const HELP = { '/': 'find', Enter: 'keyEnter', Esc: 'back', '↑ ↓': 'keyArrows', '1 – 9': 'keyChoose', a: 'keyNext', c: 'call', t: 'text', o: 'record', u: 'unlink', n: 'newCustomer', w: 'wrapUp', h: 'last', '?': 'keys' };

const one = (hook) => document.querySelector(`main > :not([hidden]) [data-test="${hook}"], footer [data-test="${hook}"]`);

export function listen(app) {
  let typed = 0;
  addEventListener('keydown', (event) => {
    const { key, target } = event;
    const inField = /^(INPUT|SELECT)$/.test(target.tagName) && target.type !== 'checkbox';
    if (key === 'Escape') {
      if (app.mode) app.back(); else if (inField) target.blur(); else app.leave();
    } else if (inField) {
      if (key.length === 1) typed = Date.now();
      return;
    } else if (event.ctrlKey || event.metaKey || event.altKey || Date.now() - typed < AFTER_TYPING) return;
    else if (key === '/') app.find();
    else if (key === '?') app.help();
    else if (key === 'n' && one('field')) one('field').focus();
    else if (key === 'ArrowDown' || key === 'ArrowUp') {
      const rows = [...document.querySelectorAll('.row')];
      if (!target.matches('.row')) return;
      rows[rows.indexOf(target) + (key === 'ArrowDown' ? 1 : -1)]?.focus();
    } else if (/^[1-9]$/.test(key)) document.querySelectorAll('[data-test=choice]')[key - 1]?.click();
    else if (KEYS[key] && (key !== 'Enter' || target === document.body)) {
      const found = one(KEYS[key].replace('>', ''));
      const at = found?.matches('details') ? found.firstChild : found;
      at?.focus();
      if (!KEYS[key].startsWith('>')) at?.click();
    } else return;
    event.preventDefault();
  });
}

export const help = (app) => h('section.help#keys', { 'aria-label': app.t('keys') }, h('div.line', h('h2', app.t('keys')), button('.plain#find-back', app.t('back'), 'Esc', () => app.back())),
  h('dl', Object.entries(HELP).map(([key, word]) => h('div', h('dt', h('kbd', key)), h('dd', app.t(word))))));
