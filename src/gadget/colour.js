// Colours that come from outside, and text that can be read on them (WCAG 2: 4.5 to 1).

/** `[r, g, b]` of `#rgb` or `#rrggbb`, or null. */
export function hex(text) {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text ?? '');
  const long = short ? short.slice(1).map((digit) => digit + digit) : /^#(..)(..)(..)$/i.exec(text ?? '')?.slice(1);
  const parts = long?.map((pair) => parseInt(pair, 16));
  return parts && parts.every((part) => part >= 0) ? parts : null;
}

/** `text` (also a colour word of CSS) as `#rrggbb`, or null where it is no colour. */
export function resolve(text) {
  if (!text) return null;
  if (hex(text)) return `#${hex(text).map(two).join('')}`;
  if (!CSS.supports('color', text)) return null;
  const pen = document.createElement('canvas').getContext('2d');
  pen.fillStyle = text;
  return hex(pen.fillStyle) ? pen.fillStyle : null;
}

const two = (part) => Math.round(part).toString(16).padStart(2, '0');

function luminance(colour) {
  const [r, g, b] = hex(colour).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** Black or white, whichever is read better on `colour`; one of them always reaches 4.5. */
export const textOn = (colour) => (contrast(colour, '#000000') >= contrast(colour, '#ffffff') ? '#000000' : '#ffffff');

/** `colour`, moved towards black or white until it can be read as text on `ground`. */
export function readable(colour, ground, ratio = 4.5) {
  const target = hex(textOn(ground));
  const from = hex(colour);
  for (let share = 0; share <= 1; share += 0.05) {
    const mixed = `#${from.map((part, nth) => two(part + (target[nth] - part) * share)).join('')}`;
    if (contrast(mixed, ground) >= ratio) return mixed;
  }
  return textOn(ground);
}
