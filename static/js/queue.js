/**
 * Rules of the queue: which files are accepted, which may start, the order of rows. Neither DOM nor network.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 */
import { ENDS, isActive, isUnsent } from './upload.js';

/** Two files at a time keep the link busy while one is being checked or recorded. */
export const AT_ONCE = 2;
/** More finished rows than this are folded. */
const UNFOLDED = 3;

export const FINISHING = new Set(['verifying', 'tagging']);
export const STORED = new Set(['ready', 'duplicate', 'same']);
/** States that need the user's attention. */
const ATTENTION = new Set(['asking', 'needs_file', 'stuck', 'rejected', 'refused', 'gone']);

/**
 * @param {PageUpload[]} uploads in the order of sending
 * @returns {PageUpload[]} those that may start now
 */
export function startable(uploads) {
  const free = AT_ONCE - uploads.filter(isActive).length;
  return free > 0 ? uploads.filter((upload) => upload.state === 'queued' && upload.hasFile).slice(0, free) : [];
}

/** @param {PageUpload} upload @returns {boolean} this page still works on it */
export const isOpen = (upload) => isUnsent(upload) || FINISHING.has(upload.state);

/** @param {PageUpload} upload @returns {boolean} its row may be removed without loss */
export const isClearable = (upload) => ENDS.has(upload.state) || upload.state === 'asking';

/** @param {PageUpload} upload @returns {boolean} */
export const needsAttention = (upload) => ATTENTION.has(upload.state);

/**
 * Of several files, those that are not MP3 (covers, playlists) are left out. A single file is always accepted.
 * @param {File[]} files
 * @returns {{taken: File[], leftOut: File[]}}
 */
export function sortOut(files) {
  const meant = (/** @type {File} */ file) => files.length === 1 || /\.mp3$/i.test(file.name) || file.type === 'audio/mpeg';
  return { taken: files.filter(meant), leftOut: files.filter((file) => !meant(file)) };
}

/** @param {PageUpload} upload @returns {number} running, needs attention, waiting, cancelled, finished */
function rank({ state, hasFile, received }) {
  if (STORED.has(state)) return 4;
  if (state === 'cancelled') return 3;
  if (ATTENTION.has(state)) return 1;
  // A paused row keeps its place, under the user's pointer.
  const begun = state === 'paused' && received.length > 0;
  return ['queued', 'paused'].includes(state) && hasFile && !begun ? 2 : 0;
}

/**
 * @param {PageUpload[]} uploads in the order of sending
 * @returns {{shown: string[], folded: string[]}} their keys in reading order
 */
export function arranged(uploads) {
  const order = [...uploads].sort((a, b) => rank(a) - rank(b));
  const finished = order.filter(({ state }) => STORED.has(state));
  const folded = finished.length > UNFOLDED ? finished : [];
  return { shown: order.slice(0, order.length - folded.length).map(({ key }) => key), folded: folded.map(({ key }) => key) };
}
