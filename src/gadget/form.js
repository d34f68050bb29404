// The new-customer form: two fields, the schema's required ones, and the rest where it is wanted. What is typed is kept
// in this tab until the server has it: a ring, a reload or a lost connection takes nothing away.

import { button, h } from './dom.js';

const INPUTS = { phone: 'tel', email: 'email', date: 'date', datetime: 'datetime-local', url: 'url', bool: 'checkbox' };
const OWN = ['name', 'phone', 'company'];

const place = (app, pop) => `ringside:draft:${app.agent}:${pop.pop_id}`;

export function readDraft(app, pop) {
  try { return JSON.parse(sessionStorage.getItem(place(app, pop))) ?? {}; } catch { return {}; }
}

function keepDraft(app, pop, draft) {
  try { sessionStorage.setItem(place(app, pop), JSON.stringify(draft)); } catch { /* It is still in the page. */ }
}

/** Forgets what was typed for a call. */
export function dropDraft(app, pop) { sessionStorage.removeItem(place(app, pop)); }

/** The form of a call: built once for it, so that nobody who types is disturbed. */
export function formPart(app, pop) {
  return ['form', [pop.pop_id, app.desk.schema, app.t.locale], () => build(app, pop)];
}

function build(app, pop) {
  const { t, desk } = app;
  const draft = { name: '', phone: pop.ring?.ani ?? '', ...readDraft(app, pop) };
  const fields = new Map();
  const field = (key, label, type, required, help) => {
    const id = `field-${key}`;
    const input = h('input', { id, name: key, type: INPUTS[type] ?? 'text', required: false, autocomplete: 'off', dir: 'auto', 'aria-required': required ? 'true' : null, data: { test: 'field', key } });
    if (type === 'bool') input.checked = draft[key] === true; else input.value = draft[key] ?? '';
    input.addEventListener('input', () => {
      draft[key] = type === 'bool' ? input.checked : input.value;
      keepDraft(app, pop, draft);
      tell(key, '');
    });
    const error = h('span.error', { id: `${id}-error`, data: { test: 'field-error', key } });
    const node = h(`p.field${type === 'bool' ? '.bool' : ''}`, {}, h('label', { htmlFor: id, dir: 'auto' }, label, required && h('span.small.dim', {}, ` ${t('required')}`)), input, help && h('span.small.dim', { dir: 'auto' }, help), error);
    fields.set(key, { input, error, type });
    return node;
  };
  const tell = (key, text) => {
    const { input, error } = fields.get(key);
    error.textContent = text;
    if (text) { input.setAttribute('aria-invalid', 'true'); input.setAttribute('aria-describedby', error.id); } else input.removeAttribute('aria-invalid');
  };
  const schema = (desk.schema ?? []).filter(({ key, sensitive }) => !OWN.includes(key) && (!sensitive || desk.may_see_sensitive));
  const attribute = ({ key, label, type, required, help }) => field(key, label || key, type, required, help);
  const first = [field('name', t('name'), 'text', true), field('phone', t('phone'), 'phone', false), ...schema.filter(({ required }) => required).map(attribute)];
  const further = h('div', { hidden: !draft.more }, field('company', t('company'), 'text', false), schema.filter(({ required }) => !required).map(attribute));
  const more = button('more', t('more'), '', () => {
    draft.more = further.hidden;
    further.hidden = !further.hidden;
    more.setAttribute('aria-expanded', String(!further.hidden));
    keepDraft(app, pop, draft);
  }, { className: 'plain', 'aria-expanded': String(!further.hidden) });
  const whole = h('p.error', { role: 'alert', data: { test: 'form-error' } });
  const save = h('button.main', { data: { test: 'save' } }, t('save'));

  const submit = async (event) => {
    event.preventDefault();
    if (save.disabled) return;
    for (const key of fields.keys()) tell(key, '');
    whole.textContent = '';
    save.disabled = true;
    save.textContent = t('saving');
    try {
      await app.create(pop, body(draft, fields));
      dropDraft(app, pop);
    } catch (error) {
      const key = named(error.field, fields);
      if (key) {
        if (further.contains(fields.get(key).input) && further.hidden) more.click();
        tell(key, error.message);
        fields.get(key).input.focus();
      } else whole.textContent = app.reason(error);
    } finally {
      save.disabled = false;
      save.textContent = t('save');
    }
  };
  return h('form.new', { noValidate: true, onsubmit: submit, 'aria-label': t('newCustomer'), data: { test: 'form' } },
    h('h2', {}, t('newCustomer')), first, further, whole, h('p.line', {}, save, more));
}

/** What the server is sent: only what was filled in. */
export function body(draft, fields) {
  const attributes = {};
  for (const [key, { type }] of fields) {
    const value = draft[key];
    if (OWN.includes(key) || value === undefined || value === '') continue;
    attributes[key] = type === 'datetime' ? new Date(value).toISOString() : value;
  }
  const text = (key) => (draft[key] ?? '').trim();
  return {
    name: text('name'),
    ...(text('company') && { company: text('company') }),
    phones: text('phone') ? [text('phone')] : [],
    ...(Object.keys(attributes).length && { attributes }),
  };
}

/** Our field for what the server calls `phones[0].number` or `attributes.email`. */
export function named(field, fields) {
  if (!field) return null;
  const key = field.replace(/^attributes\./, '');
  if (fields.has(key)) return key;
  if (/^phones/.test(key)) return 'phone';
  return /name$/.test(key) ? 'name' : null;
}

