/**
 * An upload of the page together with what belongs to it: its file, what the file says of itself, what the server has.
 *
 * @typedef {object} Entry
 * @property {import('./upload.js').PageUpload} upload
 * @property {File | null} file
 * @property {File | null} stranger a picked file that proved to be another one
 * @property {any} handle of the file, kept over a reload
 * @property {boolean} force send it although the same bytes are there already
 * @property {import('./id3-preview.js').Hints | null} hints what the file says of itself
 * @property {{at: string, late: boolean, problem: import('./client.js').Problem | null}} saved what the server has of the tags, as JSON, or why not
 * @property {string | null} sender what the server has for it; null when it takes no other
 * @property {File | null} cover a picture that is still to be sent
 * @property {import('./client.js').Problem | null} uncovered why the last one was refused
 */

/** @param {import('./upload.js').PageUpload} upload @param {File | null} file @returns {Entry} */
export const newEntry = (upload, file) => ({
  upload, file, stranger: null, handle: null, force: false, hints: null, cover: null, uncovered: null,
  saved: { at: JSON.stringify(upload.tags), late: false, problem: null }, sender: '',
});
