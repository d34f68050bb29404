// Keys. A letter is a key only where nobody types, and not right after somebody did: a ring that replaces the page
// must not turn the rest of a word into actions.

import { button, h } from './dom.js';

const AFTER_TYPING = 1200;
const LETTERS = { c: 'dial', t: 'sms', o: 'open', u: 'unlink', n: 'create', a: 'card' };

const isField = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element?.tagName) && element.type !== 'checkbox';

export function listen(app) {
  let typed = 0;
  addEventListener('keydown', (event) => {
    const inField = isField(event.target);
    if (event.key === 'Escape') {
      if (app.mode) { event.preventDefault(); app.back(); } else if (inField) event.target.blur();
      else if (app.canLeave()) app.leave();
      return;
    }
    if (inField) { if (event.key.length === 1) typed = Date.now(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || Date.now() - typed < AFTER_TYPING) return;
    const click = (test) => {
      const found = document.querySelector(`[data-test="${test}"]`);
      if (!found || found.closest('[hidden]')) return false;
      found.focus();
      found.click();
      return true;
    };
    let done = true;
    if (event.key === '/') app.find();
    else if (event.key === '?') app.help();
    else if (event.key === 'n' && focusOn('[data-test="field"]')) done = true;
    else if (event.key === 'w') done = focusOn('[data-test="wrapup-choice"]') || focusOn('[data-test="wrapup-text"]');
    else if (event.key === 'h') done = focusOn('[data-test="last-item"] summary');
    else if (event.key in LETTERS) done = click(LETTERS[event.key]);
    else if (/^[1-9]$/.test(event.key)) {
      const choice = document.querySelectorAll('[data-test="choice"]')[event.key - 1];
      choice?.click();
      done = !!choice;
    } else if (event.key === 'Enter' && event.target === document.body) done = click('elsewhere-show');
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') done = step(event.target, event.key === 'ArrowDown' ? 1 : -1);
    else done = false;
    if (done) event.preventDefault();
  });
}

function focusOn(selector) {
  const found = document.querySelector(selector);
  found?.focus();
  return !!found;
}

/** Moves among the rows of the list that has the focus. */
function step(from, by) {
  const kind = from.closest?.('[data-test="choice"], [data-test="recent"], [data-test="card"]')?.dataset.test;
  if (!kind) return false;
  const rows = [...document.querySelectorAll(`[data-test="${kind}"]`)];
  rows[rows.indexOf(from) + by]?.focus();
  return true;
}

export function helpPanel(app) {
  const { t } = app;
  const rows = [['/', 'keySearch'], ['Enter', 'keyEnter'], ['Esc', 'keyEsc'], ['↑ ↓', 'keyArrows'], ['1 – 9', 'keyChoose'], ['a', 'keyNext'], ['c', 'call'], ['t', 'text'], ['o', 'record'], ['u', 'unlink'], ['n', 'newCustomer'], ['w', 'wrapUp'], ['h', 'keyHistory'], ['?', 'helpTitle']];
  return h('section.help', { 'aria-label': t('helpTitle'), data: { test: 'keys' } },
    h('div.line', {}, h('h2', {}, t('helpTitle')), button('find-back', t('back'), 'Esc', () => app.back(), { className: 'plain' })),
    h('dl', {}, rows.map(([key, word]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, t(word))))));
}
