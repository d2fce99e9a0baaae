/**
 * Rules of the queue: which files are taken, which may start, which rows stand before which. Neither DOM nor network here.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 */
import { ENDS, isActive, isUnsent } from './upload.js';

/** Two files at a time keep the line full while one of them is being checked or recorded. */
export const AT_ONCE = 2;
/** More finished rows than these are folded to one line. */
const UNFOLDED = 3;

export const FINISHING = new Set(['verifying', 'tagging']);
export const STORED = new Set(['ready', 'duplicate', 'same']);
/** A person has to do something, or should know. */
const ATTENTION = new Set(['asking', 'needs_file', 'stuck', 'rejected', 'refused', 'gone']);

/**
 * @param {PageUpload[]} uploads in the order in which they shall go
 * @returns {PageUpload[]} those that may start now
 */
export function startable(uploads) {
  const free = AT_ONCE - uploads.filter(isActive).length;
  return free > 0 ? uploads.filter((upload) => upload.state === 'queued' && upload.hasFile).slice(0, free) : [];
}

/** @param {PageUpload} upload @returns {boolean} this page has still to do with it */
export const isOpen = (upload) => isUnsent(upload) || FINISHING.has(upload.state);

/** @param {PageUpload} upload @returns {boolean} its row may go: nothing is lost by it */
export const isClearable = (upload) => ENDS.has(upload.state) || upload.state === 'asking';

/** @param {PageUpload} upload @returns {boolean} */
export const needsAttention = (upload) => ATTENTION.has(upload.state);

/**
 * Several files at once may hold what was not meant to be sent (covers, lists): it is left out. One file alone is meant.
 * @param {File[]} files
 * @returns {{taken: File[], leftOut: File[]}}
 */
export function sortOut(files) {
  const meant = (/** @type {File} */ file) => files.length === 1 || /\.mp3$/i.test(file.name) || file.type === 'audio/mpeg';
  return { taken: files.filter(meant), leftOut: files.filter((file) => !meant(file)) };
}

/** @param {PageUpload} upload @returns {number} running, in need of a person, waiting, cancelled, finished */
function rank({ state, hasFile, received }) {
  if (STORED.has(state)) return 4;
  if (state === 'cancelled') return 3;
  if (ATTENTION.has(state)) return 1;
  // A row does not slip away from under the hand that pauses it.
  const begun = state === 'paused' && received.length > 0;
  return ['queued', 'paused'].includes(state) && hasFile && !begun ? 2 : 0;
}

/**
 * @param {PageUpload[]} uploads in the order in which they go
 * @returns {{shown: string[], folded: string[]}} their keys in the order in which they are read
 */
export function arranged(uploads) {
  const order = [...uploads].sort((a, b) => rank(a) - rank(b));
  const finished = order.filter(({ state }) => STORED.has(state));
  const folded = finished.length > UNFOLDED ? finished : [];
  return { shown: order.slice(0, order.length - folded.length).map(({ key }) => key), folded: folded.map(({ key }) => key) };
}
