/**
 * Formats numbers. Sizes use 1024 and are written MB, as most file managers do.
 */

/** Formats are cached: creating one costs more than using it a thousand times. @type {Map<string, any>} */
const formats = new Map();

/** @template F @param {string} language @param {object} options @param {() => F} make @returns {F} */
function cached(language, options, make) {
  const key = language + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, make());
  return formats.get(key);
}

/** @param {string} language @param {Intl.NumberFormatOptions} options */
const numbers = (language, options) => cached(language, options, () => new Intl.NumberFormat(language, options));

/** @param {string} language @param {Intl.DateTimeFormatOptions} options */
const dates = (language, options) => cached(language, options, () => new Intl.DateTimeFormat(language, options));

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/**
 * @param {number} bytes
 * @param {string} language BCP 47
 * @returns {string} like `4.8 MB`, `229 MB`
 */
export function bytes(bytes, language) {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  let value = bytes / 1024 ** power;
  let unit = power;
  if (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  const digits = unit > 0 && value < 10 ? 1 : 0;
  const text = numbers(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  return `${text}\u00a0${UNITS[unit]}`;
}

/**
 * @param {number} share 0…1; 100 % only if complete
 * @param {string} language
 */
export function percent(share, language) {
  const whole = share >= 1 ? 1 : Math.min(0.99, Math.floor(share * 100) / 100);
  return numbers(language, { style: 'percent' }).format(whole);
}

/** @param {number} seconds @returns {string} like `1:02:05` or `4:07` */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * @param {number | null} rate bytes per second
 * @param {number} left bytes
 * @returns {number | null} seconds; null while unknown
 */
export const timeLeft = (rate, left) => (rate ? left / rate : null);

/**
 * Rounds the time left to what the estimate can support.
 *
 * @param {number} seconds
 * @returns {{key: string, values: Record<string, number>}} text key and its values
 */
export function left(seconds) {
  if (seconds < 8) return { key: 'left.soon', values: {} };
  if (seconds < 55) return { key: 'left.seconds', values: { seconds: Math.ceil(seconds / 5) * 5 } };
  if (seconds < 3600 - 30) {
    const step = seconds < 150 ? 10 : 60;
    const whole = Math.round(seconds / step) * step;
    const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
    return rest ? { key: 'left.minutes_seconds', values: { minutes, seconds: rest } }
      : { key: 'left.minutes', values: { minutes } };
  }
  const minutes = Math.round(seconds / 60);
  if (minutes >= 48 * 60) return { key: 'left.days', values: { days: Math.round(minutes / 1440) } };
  return minutes % 60 ? { key: 'left.hours_minutes', values: { hours: Math.floor(minutes / 60), minutes: minutes % 60 } }
    : { key: 'left.hours', values: { hours: minutes / 60 } };
}

/**
 * @param {string} time RFC 3339
 * @param {string} language
 * @param {number} [now] ms
 * @returns {string} the time of day if today, else the date
 */
export function moment(time, language, now = Date.now()) {
  const date = new Date(time);
  const today = new Date(now);
  /** @type {Intl.DateTimeFormatOptions} */
  const options = date.toDateString() === today.toDateString() ? { hour: 'numeric', minute: '2-digit' }
    : date.getFullYear() === today.getFullYear() ? { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }
      : { year: 'numeric', month: 'short', day: 'numeric' };
  return dates(language, options).format(date);
}

/** @param {string} time @param {string} language @returns {string} date and time */
export const exactly = (time, language) =>
  dates(language, { dateStyle: 'full', timeStyle: 'medium' }).format(new Date(time));

/** @param {string} name @returns {string} short enough for a button, with its end */
export function shortName(name) {
  const signs = Array.from(name);
  return signs.length > 20 ? `${signs.slice(0, 10).join('')}…${signs.slice(-8).join('')}` : name;
}

/**
 * Splits a long name, which CSS truncates in the middle: its end with the extension stays visible.
 *
 * @param {string} name
 * @returns {[string, string]} the part that may be truncated, and the end
 */
export function nameParts(name) {
  const signs = Array.from(name);
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? Array.from(name.slice(dot)).length : 0;
  let tail = Math.min(signs.length, extension > 8 ? 8 : extension + 6);
  // A blank after the ellipsis would look like a gap.
  while (signs[signs.length - tail] === ' ') tail -= 1;
  return [signs.slice(0, signs.length - tail).join(''), signs.slice(signs.length - tail).join('')];
}
