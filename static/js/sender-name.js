/**
 * "Your name", typed after files were chosen: saved to uploads without a name, or with an earlier one from this field.
 * Uploads of another person in this browser keep their name.
 *
 * @typedef {import('./entry.js').Entry} Entry
 */
import { setText } from './html.js';
import { editFailure } from './late-edits.js';
import { isEditable } from './upload.js';
import { say } from './words.js';

const SENDER = 'media_service.sender';
/** How long "Saved" is shown in the field, where it may cover the end of a long name. */
const SAVED_MS = 5000;
const REST_MS = 800;
const AGAIN_MS = 5000;

/**
 * @param {import('./client.js').Client} client
 * @param {() => Map<string, Entry>} entries of the page
 * @param {string} name initial value of the field
 * @param {(word: '' | 'saving' | 'saved' | 'unsaved') => void} tell
 */
function senderName(client, entries, name, tell) {
  /** earlier values of this field */
  const names = new Set(['', name]);
  let saving = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @returns {Entry | undefined} */
  const next = () => [...entries().values()].find(({ upload, sender }) => upload.id && sender !== null && sender !== name
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

/**
 * The field, which remembers the name.
 * @param {(name: string) => HTMLElement} part of the page
 * @param {import('./client.js').Client} client
 * @param {() => Map<string, Entry>} entries of the page
 */
export function senderField(part, client, entries) {
  const input = /** @type {HTMLInputElement} */ (part('sender'));
  const name = () => input.value.trim();
  input.value = localStorage.getItem(SENDER) ?? '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let saying;
  const naming = senderName(client, entries, name(), (word) => {
    const key = word && (word === 'unsaved' ? 'name.unsaved' : `tag.${word}`);
    setText(part('sender-saved'), key && say(key));
    clearTimeout(saying);
    if (word === 'saved') saying = setTimeout(() => setText(part('sender-saved'), ''), SAVED_MS);
  });
  input.addEventListener('input', () => {
    localStorage.setItem(SENDER, name());
    naming.typed(name());
  });
  return { name, begun: naming.begun };
}
