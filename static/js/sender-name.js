/**
 * "Your name", typed after files were chosen: saved to uploads without a name, or with an earlier one from this field.
 * Uploads of another person in this browser keep their name.
 *
 * @typedef {import('./entry.js').Entry} Entry
 */
import { editFailure } from './client.js';
import { isEditable } from './upload.js';

const REST_MS = 800;
const AGAIN_MS = 5000;

/**
 * @param {import('./client.js').Client} client
 * @param {Map<string, Entry>} entries of the page, which may change
 * @param {string} name initial value of the field
 * @param {(word: '' | 'saving' | 'saved' | 'unsaved') => void} tell
 */
export function senderName(client, entries, name, tell) {
  /** earlier values of this field */
  const names = new Set(['', name]);
  let saving = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @returns {Entry | undefined} */
  const next = () => [...entries.values()].find(({ upload, sender }) => upload.id && sender !== null && sender !== name
    && names.has(sender) && isEditable(upload, Date.now()));

  const later = (/** @type {number} */ ms) => {
    clearTimeout(timer);
    timer = setTimeout(save, ms);
  };

  async function save() {
    if (saving) return;
    saving = true;
    let word = /** @type {'' | 'saved' | 'unsaved'} */ ('');
    for (let entry; word !== 'unsaved' && (entry = next());) {
      const sender = name;
      names.add(sender);
      try {
        await client.amend(/** @type {string} */ (entry.upload.id), { sender });
        entry.sender = sender;
        word = 'saved';
      } catch (error) {
        if (editFailure(error) === 'again') word = 'unsaved';
        else entry.sender = null;
      }
    }
    saving = false;
    tell(word);
    if (word === 'unsaved') later(AGAIN_MS);
  }

  return {
    /** @param {string} typed */
    typed(typed) {
      name = typed;
      if (next()) tell('saving');
      later(REST_MS);
    },
    /** An upload was created or found, perhaps with an earlier name. */
    begun() { if (next()) later(0); },
  };
}
