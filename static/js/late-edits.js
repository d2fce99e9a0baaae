/** Until when an upload may be edited, and what an edit that failed can expect. */
import { Refusal } from './client.js';

/** Codes of an edit that is too late: its time is over, or the upload is gone. */
const TOO_LATE = new Set([
  ...['wrong_state', 'upload_gone', 'cancelled_by_station', 'unknown_upload'],
  ...['unknown_file', 'file_in_trash', 'file_taken', 'file_purged'],
]);

/**
 * @param {unknown} error of a change that failed
 * @returns {'again' | 'late' | 'refused'} it may succeed later; it is too late; or the input is invalid
 */
export function editFailure(error) {
  if (!(error instanceof Refusal) || error.status === 401 || error.code === 'file_changed') return 'again';
  return TOO_LATE.has(error.code) ? 'late' : 'refused';
}

/**
 * @param {import('./client.js').Upload} upload
 * @param {number} [heardAt] ms, when its end was received; this clock may differ from the server's
 * @returns {number} ms by this clock until which it may be edited; 0 before its end
 */
export const editTime = ({ editable_until: until, updated_at: end }, heardAt) => Date.parse(until ?? '')
  + (heardAt ? heardAt - Date.parse(end) : 0) || 0;
