// Times as people say them, in the agent's zone.

const UNITS = [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]];

export function clockwork(locale, now = () => Date.now()) {
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const form = (options) => new Intl.DateTimeFormat(locale, options);
  const exact = form({ dateStyle: 'medium', timeStyle: 'short' });
  const clock = form({ timeStyle: 'short' });
  const day = form({ dateStyle: 'medium', timeZone: 'UTC' });
  const month = form({ month: 'long', year: 'numeric', timeZone: 'UTC' });
  const read = (text) => {
    const at = new Date(text ?? NaN);
    return Number.isNaN(at.getTime()) ? null : at;
  };
  const by = (format) => (text) => { const at = read(text); return at ? format.format(at) : (text ?? ''); };
  return {
    now,
    exact: by(exact),
    clock: by(clock),
    /** A date without a time is the same date in every zone. */
    day: by(day),
    month: by(month),
    /** "2 days ago": whole calendar days between a day and a week, so that "yesterday" is what people call so. */
    ago(text) {
      const at = read(text);
      if (!at) return text ?? '';
      const seconds = (now() - at) / 1000;
      if (Math.abs(seconds) < 45) return relative.format(0, 'second');
      const days = calendarDays(at, new Date(now()));
      if (days >= 1 && days < 14 && seconds > 6 * 3600) return relative.format(-days, 'day');
      const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['minute', 60];
      return relative.format(-Math.max(1, Math.floor(Math.abs(seconds) / length)) * Math.sign(seconds), unit);
    },
    /** 5:12, or 1:05:12. */
    length(seconds) {
      const whole = Math.max(0, Math.floor(seconds));
      const two = (number) => String(number).padStart(2, '0');
      const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
      return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
    },
  };
}

function calendarDays(from, to) {
  const midnight = (at) => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  return Math.round((midnight(to) - midnight(from)) / 86400000);
}
