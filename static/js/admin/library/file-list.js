/**
 * The rows of the files, twenty in a `tbody`: the browser lays out those that are seen, so that ten thousand cost little
 * more than a screen. Rows are added, filled anew and removed, never built twice.
 *
 * @typedef {import('../files.js').StoredFile} StoredFile
 */
import { html, only } from '../../html.js';
import { fillRow, makeRow } from './file-rows.js';

/** Rows that are laid out together; `library.css` has their height. */
const TOGETHER = 20;

/** @param {HTMLTableElement} table */
export function makeFileList(table) {
  /** @type {Map<string, {file: StoredFile, row: HTMLElement}>} */
  const known = new Map();

  /** @param {StoredFile[]} files @returns {HTMLElement[]} rows of those that are not in the list yet */
  const rowsOf = (files) => files.filter(({ id }) => !known.has(id)).map((file) => {
    const row = makeRow(file);
    known.set(file.id, { file, row });
    return row;
  });

  /** @param {StoredFile} file */
  function put(file) {
    const old = known.get(file.id);
    if (!old) return;
    // A file of a listing has all that the row shows. Keep the further fields, which only a single file has.
    old.file = { ...old.file, ...file };
    fillRow(old.row, old.file);
  }

  return {
    put,
    /** @param {StoredFile[]} files */
    append(files) {
      const rows = rowsOf(files);
      for (let k = 0; k < rows.length; k += TOGETHER) {
        const body = document.createElement('tbody');
        body.setAttribute('role', 'rowgroup');
        body.append(...rows.slice(k, k + TOGETHER));
        table.append(body);
      }
    },
    /** @param {StoredFile[]} files that are newer than all others */
    prepend(files) {
      const [first] = table.tBodies;
      if (first) first.prepend(...rowsOf(files));
      else this.append(files);
    },
    /** @param {StoredFile} file @param {string} above id of the file in the row above it */
    insert(file, above) { known.get(above)?.row.after(...rowsOf([file])); },
    /** @param {string} id @returns {(() => void) | null} puts the row back where it was, if its list is still shown; null if there is no such row */
    remove(id) {
      const one = known.get(id);
      if (!one) return null;
      const { file, row } = one;
      const [body, after] = [row.parentElement, row.nextElementSibling];
      row.remove();
      known.delete(id);
      return () => {
        if (!body?.isConnected || known.has(id)) return;
        known.set(id, { file, row });
        body.insertBefore(row, after?.parentElement === body ? after : null);
      };
    },
    clear() {
      known.clear();
      for (const body of [...table.tBodies]) body.remove();
    },
    /** Writes all rows in another language. */
    relabel() {
      for (const { file, row } of known.values()) fillRow(row, file);
    },
    /** @returns {string[]} in the order that is shown */
    ids: () => Array.from(table.querySelectorAll('tbody tr'), (row) => /** @type {HTMLElement} */ (row).dataset.id ?? ''),
    /** @param {string} id */
    file: (id) => known.get(id)?.file,
    /** @param {string} id */
    row: (id) => known.get(id)?.row,
    /** @returns {Iterable<{file: StoredFile, row: HTMLElement}>} */
    all: () => known.values(),
    get size() { return known.size; },
  };
}

/**
 * Loads what follows when the reader comes near the end of a list. The button is for keyboards, and for browsers that
 * do not notice.
 *
 * @param {HTMLElement} root
 * @param {string} words
 * @param {() => void} more
 */
export function makeFurther(root, words, more) {
  const place = only(html`<p class="further" hidden><button type="button" data-more="yes" data-words="admin.more">${words}</button></p>`);
  root.append(place);
  const observer = new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && more(), { rootMargin: '2000px' });
  place.querySelector('button')?.addEventListener('click', more);
  return {
    /** @param {boolean} yes whether there is more; said after each page, so that the end is looked for anew */
    show(yes) {
      place.hidden = !yes;
      observer.unobserve(place);
      if (yes) observer.observe(place);
    },
  };
}
