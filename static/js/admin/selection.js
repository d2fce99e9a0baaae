/**
 * The file that is selected in the list that is shown, and the panel's part in it.
 *
 * @typedef {object} Panel what `makePanel(root, client, asked, player, around)` of `panel/panel.js` returns
 * @property {(id: string, options?: {edit?: boolean}) => Promise<boolean>} open false if the reader keeps what is unsaved in the file before
 * @property {() => Promise<boolean>} close false if the reader keeps what is unsaved; does not call `closed`
 * @property {() => boolean} isDirty
 * @property {() => void} draw again, in another language
 *
 * @typedef {object} Around the list, as the panel uses it
 * @property {() => void} next opens the next file of the list
 * @property {() => void} previous
 * @property {(file: import('./files.js').StoredFile) => void} put shows a changed file in its row
 * @property {() => void} closed to be called after the reader closed the panel: the focus returns to the row
 * @property {(file: import('./files.js').StoredFile) => void} trash moves a file to the trash, with Undo
 * @property {(scope: string) => boolean} may
 */

/** Dispatches `changed` when another file is selected, or none. */
export class Selection extends EventTarget {
  /** @type {string | null} */
  #id = null;
  /** @type {() => string[]} */
  #order = () => [];

  /** @returns {string | null} */
  get id() { return this.#id; }

  /** @param {() => string[]} order returns the ids of the list that is shown, in its order */
  follow(order) { this.#order = order; }

  /** @param {string | null} id */
  select(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.dispatchEvent(new Event('changed'));
  }

  /** @returns {string | null} the file that is selected now; null at the end of the list */
  next() { return this.#step(1); }

  /** @returns {string | null} */
  previous() { return this.#step(-1); }

  /** @param {1 | -1} step @returns {string | null} */
  #step(step) {
    const ids = this.#order();
    const at = this.#id === null ? -1 : ids.indexOf(this.#id);
    const id = ids[at < 0 ? 0 : at + step] ?? null;
    if (id !== null) this.select(id);
    return id;
  }
}
