import { html, only, ref, setText } from './html.js';
import { say } from './words.js';

/** @typedef {import('./client.js').Tags} Tags */

const FIELDS = /** @type {(keyof Tags)[]} */ (['title', 'artist', 'album', 'date', 'genre', 'comment']);

/**
 * The tags of one upload, saved as typed.
 *
 * @param {string} key of the upload, for the ids of the fields
 * @param {Tags} tags
 * @param {(tags: Tags) => void} typed
 */
export function detailsForm(key, tags, typed) {
  const form = only(html`<div class="details">
    <div class="fields">${FIELDS.map((name) => html`<label class="field field-${name}">
      <span>${say(`tag.${name}`)}</span>
      <input name="${name}" id="${key}-${name}" value="${tags[name] ?? ''}" maxlength="${name === 'comment' ? 1000 : 250}"
        autocomplete="off" placeholder="${name === 'date' ? say('tag.example_date') : ''}">
    </label>`)}</div>
    <p class="hint"><span>${say('tag.hint')}</span> <span data-ref="saved"></span></p>
  </div>`);
  const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('input'));
  const known = { ...tags };
  form.addEventListener('input', () => {
    for (const input of inputs) {
      const name = /** @type {keyof Tags} */ (input.name);
      const value = input.value.trim();
      if (value || name in known) known[name] = value;
    }
    typed({ ...known });
  });
  return {
    element: form,
    /** @param {'' | 'saving' | 'saved' | 'unsaved' | 'late'} word */
    say: (word) => setText(ref(form, 'saved'), word ? say(`tag.${word}`) : ''),
    /** @param {boolean} closed */
    close: (closed) => { for (const input of inputs) input.disabled = closed; },
  };
}
