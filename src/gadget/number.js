// Numbers as people read them. The calling number is told by the server; this is for what else is listed.

const digitsOf = (number) => (number ?? '').replace(/\D/g, '');

/** North American numbers nationally, others as they are. */
export const grouped = (number) => (number ?? '').replace(/^\+1(\d{3})(\d{3})(\d{4})$/, '($1) $2-$3');

/** Whether `written` (as some system writes it) can be `number`: they end alike, by seven digits at the least. */
export function same(written, number) {
  const [one, other] = [digitsOf(written).replace(/^0+/, ''), digitsOf(number)];
  return one.length > 6 && other.length > 6 && (other.endsWith(one) || one.endsWith(other));
}

/** The calling number of a ring, and its country. */
export function calling({ ani, ani_national: national, region }, locale) {
  let where = '';
  try { where = region ? new Intl.DisplayNames([locale], { type: 'region' }).of(region) : ''; } catch { /* not a country */ }
  return [national ?? grouped(ani), where];
}

export const phoneOf = (phone) => (typeof phone === 'object' ? phone : { number: phone });
