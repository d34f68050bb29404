// Numbers as people read them. The server's words go first; this is what is left to a page that only has +E.164.

// Calling codes that belong to one country, with it. +1, +7 and what many share are told by the server or not at all.
const CODES = '20EG27ZA30GR31NL32BE33FR34ES36HU39IT40RO41CH43AT44GB45DK46SE47NO48PL49DE51PE52MX53CU54AR55BR56CL57CO58VE60MY61AU62ID63PH64NZ65SG66TH81JP82KR84VN86CN90TR91IN92PK93AF94LK95MM98IR211SS212MA213DZ216TN218LY220GM221SN222MR223ML224GN225CI226BF227NE228TG229BJ230MU231LR232SL233GH234NG235TD236CF237CM238CV239ST240GQ241GA242CG243CD244AO245GW248SC249SD250RW251ET252SO253DJ254KE255TZ256UG257BI258MZ260ZM261MG262RE263ZW264NA265MW266LS267BW268SZ269KM290SH291ER297AW298FO299GL350GI351PT352LU353IE354IS355AL356MT357CY358FI359BG370LT371LV372EE373MD374AM375BY376AD377MC378SM380UA381RS382ME383XK385HR386SI387BA389MK420CZ421SK423LI501BZ502GT503SV504HN505NI506CR507PA509HT590GP591BO592GY593EC595PY597SR598UY673BN674NR675PG676TO677SB678VU679FJ680PW682CK685WS686KI687NC688TV689PF691FM692MH850KP852HK853MO855KH856LA880BD886TW960MV961LB962JO963SY964IQ965KW966SA967YE968OM970PS971AE972IL973BH974QA975BT976MN977NP992TJ993TM994AZ995GE996KG998UZ';
const COUNTRIES = new Map(CODES.match(/\d+[A-Z]{2}/g).map((entry) => [entry.slice(0, -2), entry.slice(-2)]));

/** The country of `+E.164` (ISO 3166-1 alpha-2), or null where that is not sure. */
export function country(number) {
  const digits = digitsOf(number);
  if (!number?.startsWith('+')) return null;
  for (const length of [3, 2]) {
    const found = COUNTRIES.get(digits.slice(0, length));
    if (found) return found;
  }
  return null;
}

export const digitsOf = (number) => (number ?? '').replace(/\D/g, '');

/** How a person reads `+E.164` where nobody said it better: North American numbers nationally, others in groups. */
export function grouped(number) {
  if (!number?.startsWith('+')) return number ?? '';
  const digits = digitsOf(number);
  if (digits.length === 11 && digits[0] === '1') return `(${digits.slice(1, 4)}) ${digits.slice(4, 7)}-${digits.slice(7)}`;
  const region = country(number);
  const code = region ? [...COUNTRIES].find(([code, of]) => of === region && digits.startsWith(code))[0] : digits.slice(0, 1);
  const rest = digits.slice(code.length);
  const groups = rest.replace(/(\d{3})(?=\d{3})/g, '$1 ');
  return `+${code} ${groups}`;
}

/** Whether `written` (as some system writes it) can be `number`: they end alike, by seven digits at the least. */
export function same(written, number) {
  const [one, other] = [digitsOf(written).replace(/^0+/, ''), digitsOf(number)];
  return one.length >= 7 && other.length >= 7 && (other.endsWith(one) || one.endsWith(other));
}

export function countryName(region, locale) {
  if (!region) return '';
  try {
    return new Intl.DisplayNames([locale], { type: 'region' }).of(region) ?? '';
  } catch {
    return '';
  }
}
