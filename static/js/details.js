import { Refusal } from './client.js';
import { reason } from './describe.js';
import { html, only, ref, setText } from './html.js';
import { icon } from './icons.js';
import { editFailure } from './late-edits.js';
import { say } from './words.js';

/** @typedef {import('./client.js').Tags} Tags */

const FIELDS = /** @type {(keyof Tags)[]} */ (['title', 'artist', 'album', 'date', 'genre', 'comment']);

/**
 * Form of an upload's tags and cover, saved while typing.
 *
 * @param {string} key of the upload, for the ids of the fields
 * @param {Tags} tags
 * @param {(tags: Tags) => void} typed
 * @param {string} filename
 * @param {(picture: File) => void} covered
 * @param {() => Promise<void>} share
 */
export function detailsForm(key, tags, typed, filename, covered, share) {
  const form = only(html`<div class="details">
    <div class="fields">${FIELDS.map((name) => html`<label class="field field-${name}">
      <span>${say(`tag.${name}`)}</span>
      <input name="${name}" id="${key}-${name}" value="${tags[name] ?? ''}" maxlength="${name === 'comment' ? 1000 : 250}"
        autocomplete="off" placeholder="${name === 'date' ? say('tag.example_date') : ''}">
    </label>`)}</div>
    <div class="preview" data-ref="preview" hidden></div>
    <p><button type="button" class="quiet first" data-ref="choose">${icon('file')}<span>${say('tag.choose_cover')}</span></button><input type="file" accept="image/*" data-ref="picture" hidden>
    <button type="button" class="quiet" data-ref="share" hidden>${icon('link')}<span data-ref="shared">${say('link.copy')}</span></button></p>
    <p class="hint"><span>${say('tag.hint')}</span> <span data-ref="saved"></span></p>
  </div>`);
  const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('input[name]'));
  const known = { ...tags };
  const picture = /** @type {HTMLInputElement} */ (ref(form, 'picture'));
  const choose = /** @type {HTMLButtonElement} */ (ref(form, 'choose'));
  form.addEventListener('input', ({ target }) => {
    if (target === picture) return;
    for (const input of inputs) {
      const name = /** @type {keyof Tags} */ (input.name);
      const value = input.value.trim();
      if (value || name in known) known[name] = value;
    }
    typed({ ...known });
  });
  const preview = ref(form, 'preview');
  /** @type {string[]} */
  const addresses = [];
  const address = (/** @type {Blob} */ blob) => addresses[addresses.push(URL.createObjectURL(blob)) - 1];
  /** @type {string | null} */
  let before = null;
  const draw = (/** @type {string | null} */ source) => {
    const image = preview.querySelector('img');
    if (!source) return image?.remove();
    if (image) image.src = source;
    else preview.prepend(html`<img src="${source}" alt="${say('tag.cover')}">`);
    preview.hidden = false;
    return undefined;
  };
  choose.addEventListener('click', () => picture.click());
  ref(form, 'share').addEventListener('click', () => share().then(() => setText(ref(form, 'shared'), say('link.copied'))));
  picture.addEventListener('change', () => {
    const file = picture.files?.[0];
    picture.value = '';
    if (!file) return;
    before = preview.querySelector('img')?.src ?? null;
    draw(address(file));
    covered(file);
  });
  return {
    element: form,
    /** Shows what the server said of the chosen cover. @param {import('./client.js').Problem | null} problem */
    cover: (problem) => {
      if (problem) draw(before);
      const late = problem && editFailure(new Refusal(problem, problem.status ?? 0)) === 'late';
      setText(ref(form, 'saved'), !problem ? say('tag.saved') : late ? say('tag.late') : say('tag.no_cover', { reason: reason(problem) }));
    },
    /** Shows tags that were changed outside of the form. @param {Tags} tags */
    fill: (tags) => {
      Object.assign(known, tags);
      for (const input of inputs) if (input !== document.activeElement) input.value = known[/** @type {keyof Tags} */ (input.name)] ?? '';
    },
    /** Shows the tags and the player of the local file. @param {File} file @param {import('./id3-preview.js').Hints | null} hints */
    show: (file, hints) => {
      for (const input of inputs) {
        const name = hints?.names[/** @type {'title'} */ (input.name)];
        if (name) input.placeholder = name;
      }
      if (preview.querySelector('audio')) return;
      preview.hidden = false;
      if (hints?.cover && !preview.querySelector('img')) draw(address(hints.cover));
      preview.append(html`<audio controls preload="none" src="${address(file)}" aria-label="${say('tag.listen', { name: filename })}"></audio>`);
    },
    /** Releases the preview's memory. */
    end: () => {
      for (const one of addresses.splice(0)) URL.revokeObjectURL(one);
      preview.replaceChildren();
      preview.hidden = true;
    },
    /** @param {'' | 'saving'} word */
    say: (word) => setText(ref(form, 'saved'), word ? say(`tag.${word}`) : ''),
    /** Shows what the server said of the tags. @param {import('./entry.js').Entry['saved']} saved */
    saved: ({ at, late, problem }) => setText(ref(form, 'saved'), problem
      ? say(problem.field === 'tags.date' ? 'tag.bad_date' : 'tag.refused', { reason: reason(problem) })
      : say(`tag.${late ? 'late' : at ? 'saved' : 'unsaved'}`)),
    /** @param {boolean} possible the upload exists on the server */
    share: (possible) => { ref(form, 'share').hidden = !possible; },
    /** @param {boolean} closed */
    close: (closed) => { for (const input of [...inputs, choose]) input.disabled = closed; },
  };
}
