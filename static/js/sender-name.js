/**
 * "Your name", typed after files were chosen: saved to the uploads that have none, or an earlier one from this field.
 * Those of another person who used this browser keep theirs.
 *
 * @typedef {import('./board.js').Entry} Entry
 */
import { isEditable, outcome } from './late-edits.js';

const REST_MS = 800;
const AGAIN_MS = 5000;

export class SenderName {
  /**
   * @param {import('./client.js').Client} client
   * @param {Map<string, Entry>} entries of the page, whichever there are at the time
   * @param {string} name that the field begins with
   * @param {(word: '' | 'saving' | 'saved' | 'unsaved') => void} tell
   */
  constructor(client, entries, name, tell) {
    this.client = client;
    this.board = entries;
    this.name = name;
    this.tell = tell;
    /** from this field, at some time */
    this.names = new Set(['', name]);
    this.saving = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {string} name */
  typed(name) {
    this.name = name;
    if (this.#next()) this.tell('saving');
    this.#later(REST_MS);
  }

  /** An upload was created, perhaps with the name from before. */
  begun() { if (this.#next()) this.#later(0); }

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#save(), ms);
  }

  /** @returns {Entry | undefined} */
  #next() {
    return [...this.board.values()].find(({ upload, sender, senderLate }) => upload.id && !senderLate && sender !== this.name
      && this.names.has(sender) && isEditable(upload, Date.now()));
  }

  async #save() {
    if (this.saving) return;
    this.saving = true;
    let word = /** @type {'' | 'saved' | 'unsaved'} */ ('');
    for (let entry; word !== 'unsaved' && (entry = this.#next());) {
      const { name } = this;
      this.names.add(name);
      try {
        await this.client.amend(/** @type {string} */ (entry.upload.id), { sender: name });
        entry.sender = name;
        word = 'saved';
      } catch (error) {
        if (outcome(error) === 'again') word = 'unsaved';
        else entry.senderLate = true;
      }
    }
    this.saving = false;
    this.tell(word);
    if (word === 'unsaved') this.#later(AGAIN_MS);
  }
}
