/**
 * Where the reader is in the library, as the URL's fragment has it: `#files?q=jazz&sort=title&file=ID`. No DOM.
 *
 * @typedef {Record<string, string>} Filters what a list is narrowed by, and its order
 * @typedef {object} Address
 * @property {string} section "" for the first one
 * @property {Filters} filters without empty ones
 * @property {string} file the one in the panel; "" for none
 */

/** Filters that an address may have; others are dropped. */
export const FILTERS = ['q', 'sort', 'sender', 'collection', 'from', 'to', 'grade', 'warnings', 'place'];

/** @param {string} hash `location.hash` @returns {Address} */
export function readAddress(hash) {
  const [section, query = ''] = hash.replace(/^#/, '').split('?', 2);
  const found = new URLSearchParams(query);
  const filters = FILTERS.map((name) => [name, found.get(name) ?? '']).filter(([, value]) => value !== '');
  return { section, filters: Object.fromEntries(filters), file: found.get('file') ?? '' };
}

/** @param {Address} address @returns {string} the fragment, with `#` */
export function hashOf({ section, filters, file }) {
  const query = new URLSearchParams(FILTERS.filter((name) => filters[name]).map((name) => [name, filters[name]]));
  if (file) query.set('file', file);
  return `#${section}${query.size ? `?${query}` : ''}`;
}

/** @param {Filters} one @param {Filters} other @returns {boolean} */
export const sameFilters = (one, other) => FILTERS.every((name) => (one[name] ?? '') === (other[name] ?? ''));

const DAY = /^(\d{4})-(\d\d)-(\d\d)$/;

/** @param {string} day `2026-11-30` @param {number} [on] days later @returns {string} its first moment where the reader is, RFC 3339; "" if it is no day */
export function momentOf(day, on = 0) {
  const [, year, month, date] = DAY.exec(day) ?? [];
  const moment = new Date(Number(year), Number(month) - 1, Number(date) + on);
  return Number.isNaN(moment.getTime()) ? '' : moment.toISOString();
}

/** @param {Date} date @returns {string} its day where the reader is, `2026-11-30` */
export const dayOf = (date) => [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0')).join('-');

/** @param {Filters} filters @returns {Record<string, string | undefined>} the query of the API */
export const queryOf = ({ from, to, ...others }) => ({
  ...others,
  from: from && momentOf(from),
  // The last day counts in full.
  to: to && momentOf(to, 1),
});
