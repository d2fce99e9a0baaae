/**
 * Dialog to edit the tags of a finished file. Only changed tags are sent, with the version that was shown.
 *
 * @typedef {import('./files.js').StoredFile} StoredFile
 */
import { Refusal } from '../client.js';
import { reason } from '../describe.js';
import { html, ref, setText } from '../html.js';
import { say } from '../words.js';
import { openDialog } from './dialog.js';

const FIRST = ['title', 'artist', 'album', 'date', 'genre', 'comment'];
const FURTHER = ['album_artist', 'composer', 'track', 'disc', 'bpm', 'key', 'mood', 'language', 'grouping', 'label', 'isrc',
  'copyright', 'description', 'lyrics'];
const LONG = ['comment', 'lyrics'];
const EXAMPLES = /** @type {Record<string, string>} */ ({
  track: '3/12', disc: '1/2', bpm: '120', key: 'Ebm', language: 'kor', isrc: 'GBAYE0000351',
});

/** @param {StoredFile} file @param {string} name @returns {string} */
const text = (file, name) => /** @type {any} */ (file)[name] ?? '';

/** @param {StoredFile} file @param {string} name */
function field(file, name) {
  const value = text(file, name);
  return html`<label class="field field-${name}"><span>${say(`tag.${name}`)}</span>
    ${LONG.includes(name) ? html`<textarea name="${name}" rows="${value.includes('\n') ? 4 : 2}" maxlength="4096">${value}</textarea>`
      : html`<input name="${name}" value="${value}" maxlength="1024" autocomplete="off"
        placeholder="${name === 'date' ? say('tag.example_date') : EXAMPLES[name] ?? ''}">`}</label>`;
}

/**
 * @param {StoredFile} seen
 * @param {import('./library-client.js').LibraryClient} client
 * @param {(file: StoredFile) => void} done
 */
export function editTags(seen, client, done) {
  let file = seen;
  const dialog = openDialog(html`<dialog class="edit" aria-labelledby="edit-heading"><form>
    <h2 id="edit-heading">${say('edit.heading')}</h2>
    <p class="beneath">${file.filename}</p>
    <div class="fields">${FIRST.map((name) => field(file, name))}</div>
    <details><summary>${say('edit.more')}</summary><div class="fields">${FURTHER.map((name) => field(file, name))}</div></details>
    <p class="note" role="alert" data-ref="wrong"></p>
    <p class="buttons"><button type="submit" class="main" data-ref="save">${say('edit.save')}</button>
      <button type="button" class="quiet" data-ref="cancel">${say('edit.cancel')}</button></p>
  </form></dialog>`);
  const inputs = /** @type {(HTMLInputElement | HTMLTextAreaElement)[]} */ ([...dialog.querySelectorAll('input, textarea')]);
  const wrong = (/** @type {string} */ words) => setText(ref(dialog, 'wrong'), words);
  const changed = () => inputs.filter((input) => input.value.trim() !== text(file, input.name).trim());

  /** Another admin has changed the file: update the fields that were not edited here. @param {StoredFile} newer */
  function goOnFrom(newer) {
    const mine = changed();
    file = newer;
    for (const input of inputs) if (!mine.includes(input)) input.value = text(file, input.name);
  }

  async function save() {
    const tags = Object.fromEntries(changed().map((input) => [input.name, input.value.trim() || null]));
    const edited = Object.keys(tags).length ? await client.retag(file, tags) : file;
    // Closing returns the focus to the button, which the list keeps when it is redrawn.
    dialog.close();
    done(edited);
  }

  /** @param {unknown} error */
  async function explain(error) {
    if (!(error instanceof Refusal)) return wrong(say('edit.trouble'));
    if (error.code !== 'file_changed') return wrong(error.code === 'malformed' ? error.message : reason(error.problem));
    try {
      goOnFrom(await client.file(file.id));
      wrong(say('edit.changed'));
    } catch {
      wrong(say('edit.trouble'));
    }
  }

  ref(dialog, 'cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (ref(dialog, 'save'));
    button.disabled = true;
    wrong('');
    await save().catch(explain);
    button.disabled = false;
  });
}
