// What the page says: one table a language, loaded when it is used.

const LANGUAGES = ['en', 'de'];

/** The first of `wished` (BCP 47) that there is a table for, or English. */
export function choose(wished) {
  for (const wish of wished) {
    const found = LANGUAGES.find((language) => wish?.toLowerCase().split('-')[0] === language);
    if (found) return { language: found, locale: wish };
  }
  return { language: 'en', locale: 'en' };
}

/** `t(key, {n, …})`: the sentence, with plural forms by `n`. */
export async function speak({ language, locale }) {
  const { default: table } = await import(`./words/${language}.js`);
  return speaker(table, locale);
}

export function speaker(table, locale) {
  const rules = new Intl.PluralRules(locale);
  const number = new Intl.NumberFormat(locale);
  const t = (key, values = {}) => {
    const entry = table[key] ?? key;
    const text = typeof entry === 'string' ? entry : (entry[rules.select(values.n)] ?? entry.other);
    return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === 'number' ? number.format(values[name]) : (values[name] ?? '')));
  };
  t.locale = locale;
  t.has = (key) => key in table;
  return t;
}
