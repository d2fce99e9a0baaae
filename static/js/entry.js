/**
 * An upload of the page with its file, the file's own tags, and what is saved on the server.
 *
 * @typedef {object} Entry
 * @property {import('./upload.js').PageUpload} upload
 * @property {File | null} file
 * @property {File | null} stranger a chosen file that is a different one
 * @property {any} handle of the file, which survives a reload
 * @property {boolean} force send it even if the server has the same bytes
 * @property {import('./id3-preview.js').Hints | null} hints the file's own tags
 * @property {{at: string, late: boolean, problem: import('./client.js').Problem | null}} saved tags saved on the server, as JSON, or the error
 * @property {string | null} sender name saved on the server; null if it cannot be changed
 * @property {File | null} cover a picture that is not sent yet
 * @property {import('./client.js').Problem | null} uncovered error of the last cover
 */

/** @param {import('./upload.js').PageUpload} upload @param {File | null} file @returns {Entry} */
export const newEntry = (upload, file) => ({
  upload, file, stranger: null, handle: null, force: false, hints: null, cover: null, uncovered: null,
  saved: { at: JSON.stringify(upload.tags), late: false, problem: null }, sender: '',
});
