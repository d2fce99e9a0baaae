/** Times as people write them: `1:02:03.5`. */
import { clock } from '../../format.js';

const PARTS = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5})(?:[.,](\d{1,3}))?$/;
const LINE = /^\s*[[(]?((?:\d{1,3}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?)[\])]?[\s\u2013\u2014:|-]*(.*\S)\s*$/;

/** @param {number} seconds @returns {string} with milliseconds, if it has any */
export function stamp(seconds) {
  const ms = Math.round(seconds * 1000);
  const rest = ms % 1000;
  return clock((ms - rest) / 1000) + (rest ? `.${String(rest).padStart(3, '0').replace(/0+$/, '')}` : '');
}

/** @param {string} text @returns {number | null} seconds; null if it is no time */
export function seconds(text) {
  const found = PARTS.exec(text.trim());
  if (!found) return null;
  const [, hours = '0', minutes = '0', whole, part = '0'] = found;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(`${whole}.${part}`);
}

/** @param {string} text lines such as `12:34 News` @returns {import('./draft.js').ChapterRow[]} */
export const listedChapters = (text) => text.split(/\r?\n/).map((line) => LINE.exec(line)).filter((found) => found !== null)
  .map(([, start, title]) => ({ start: start.replace(',', '.'), title, url: '' }));
