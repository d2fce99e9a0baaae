/**
 * Receipt of an ended upload, as plain text from the server's data. No DOM.
 *
 * @typedef {import('./client.js').Upload} Upload
 */
import { clock } from './format.js';
import { say } from './words.js';

/** @param {string} time RFC 3339 @returns {string} in local time, with its offset from UTC: `2026-11-29 20:13:05 +09:00` */
function localTime(time) {
  const date = new Date(time);
  const two = (/** @type {number} */ n) => String(Math.floor(Math.abs(n))).padStart(2, '0');
  const zone = -date.getTimezoneOffset();
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')} `
    + `${zone < 0 ? '-' : '+'}${two(zone / 60)}:${two(zone % 60)}`;
}

/**
 * @param {Upload} upload @param {string} verdict in words @param {string} page URL to which it was sent
 * @returns {string}
 */
export function receipt(upload, verdict, page) {
  const lines = {
    name: upload.filename,
    verdict,
    bytes: String(upload.length),
    duration: typeof upload.duration === 'number' ? clock(upload.duration) : '',
    sha256: upload.digest ?? '',
    began: localTime(upload.created_at),
    ended: localTime(upload.updated_at),
    upload: upload.id,
    page,
  };
  const told = Object.entries(lines).filter(([, value]) => value);
  return [say('receipt.heading'), ...told.map(([key, value]) => `${say(`receipt.${key}`)}: ${value}`), ''].join('\n');
}

/** @param {string} filename @returns {string} name of the text file, short enough for all file systems */
export const receiptName = (filename) => `${filename.replace(/\.mp3$/i, '').slice(0, 80)} - ${say('receipt.file')}.txt`;
