/**
 * What a person may still change about an upload, and what an answer to such a change means. Neither DOM nor network.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 */
import { Refusal } from './client.js';
import { ENDS } from './upload.js';

/** The server takes no more: the time is over, or there is nothing any more that could change. */
const TOO_LATE = new Set(['wrong_state', 'upload_gone', 'unknown_file', 'unknown_upload']);

/**
 * @param {PageUpload} upload
 * @param {number} now ms
 * @returns {boolean} its name, tags and cover may change: before it is decided to send it they may not, after its end for a while
 */
export function isEditable({ state, mine, editableUntil }, now) {
  if (!mine || state === 'asking' || state === 'elsewhere') return false;
  return state === 'ready' ? now < (editableUntil ?? 0) : !ENDS.has(state);
}

/**
 * @param {import('./client.js').Upload} upload
 * @param {number} [heardAt] ms, when it was heard to have ended; this clock may differ from the server's
 * @returns {number | null} ms by this clock until which it may change
 */
export function editableUntil({ editable_until: until, updated_at: end }, heardAt) {
  if (!until) return null;
  return heardAt === undefined ? Date.parse(until) : heardAt + Date.parse(until) - Date.parse(end);
}

/**
 * @param {unknown} error of a change that failed
 * @returns {'again' | 'late' | 'refused'} the same may succeed later; never; or what was typed cannot be used
 */
export function outcome(error) {
  if (!(error instanceof Refusal) || error.status === 401 || error.code === 'file_changed') return 'again';
  return TOO_LATE.has(error.code) ? 'late' : 'refused';
}
