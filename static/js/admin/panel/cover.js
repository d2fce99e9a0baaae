/**
 * The cover of a file: seen large by a click, changed by choosing or dropping a picture. A change is saved at once.
 *
 * @typedef {import('./draft.js').FullFile} FullFile
 */
import { html, only, ref } from '../../html.js';
import { icon } from '../../icons.js';
import { say } from '../../words.js';
import { confirmed, openDialog } from '../dialog.js';

/** @param {string} source @param {string} name of the file */
function zoom(source, name) {
  const dialog = openDialog(html`<dialog class="zoom" aria-label="${say('cover.of', { name })}"><form method="dialog">
    <button type="submit" aria-label="${say('panel.close')}"><img src="${source}" alt="${say('cover.of', { name })}"></button></form></dialog>`);
  dialog.addEventListener('click', () => dialog.close());
}

/**
 * @param {FullFile} first
 * @param {boolean} may edit
 * @param {(file: FullFile) => string | null} sourceOf URL of the cover; null if there is none
 * @param {(picture: File | null) => void} change null removes it
 */
export function makeCover(first, may, sourceOf, change) {
  let file = first;
  const element = only(html`<div class="cover" data-state="loading">
    <button type="button" class="cover-picture" data-ref="zoom" aria-label="${say('cover.zoom')}"><img alt="" data-ref="image"></button>
    <span class="cover-none" data-ref="none" aria-hidden="true"><svg class="icon" viewBox="0 0 20 20"><path d="M3 4h14v12H3zM3 13.4l4-4 4.4 4.4M10.6 12.8l2.4-2.4 4 4M13 7.4v.1"/></svg></span>
    ${may ? html`<p class="cover-acts"><button type="button" class="quiet" data-ref="choose">${icon('pen')}<span data-ref="choose-words"></span></button>
      <button type="button" class="quiet" data-ref="remove" aria-label="${say('cover.remove')}">${icon('cross')}</button></p>
      <input type="file" accept="image/jpeg,image/png,image/webp,image/gif" data-ref="picture" hidden>` : ''}</div>`);
  const image = /** @type {HTMLImageElement} */ (ref(element, 'image'));

  /** @param {'loading' | 'some' | 'none'} state */
  function draw(state) {
    element.dataset.state = state;
    if (!may) return;
    ref(element, 'choose-words').textContent = say(state === 'none' ? 'cover.add' : 'cover.change');
    const remove = ref(element, 'remove');
    if (state === 'none' && document.activeElement === remove) ref(element, 'choose').focus();
    remove.hidden = state !== 'some';
  }

  image.addEventListener('load', () => draw('some'));
  image.addEventListener('error', () => draw('none'));
  ref(element, 'zoom').addEventListener('click', () => zoom(image.src, file.title || file.filename));
  if (may) {
    const picture = /** @type {HTMLInputElement} */ (ref(element, 'picture'));
    ref(element, 'choose').addEventListener('click', () => picture.click());
    picture.addEventListener('change', () => {
      const [chosen] = picture.files ?? [];
      if (chosen) change(chosen);
      picture.value = '';
    });
    ref(element, 'remove').addEventListener('click', async () => {
      if (await confirmed(say('cover.remove_heading'), say('cover.remove_what'), say('cover.remove')) !== null) change(null);
    });
    element.addEventListener('dragover', (event) => event.preventDefault());
    element.addEventListener('drop', (event) => {
      event.preventDefault();
      const [dropped] = event.dataTransfer?.files ?? [];
      if (dropped) change(dropped);
    });
  }
  const show = (/** @type {FullFile} */ changed) => {
    file = changed;
    const source = sourceOf(file);
    // Until the new picture is here the old one stays, and so does the focus on its buttons.
    draw(!source ? 'none' : element.dataset.state === 'some' ? 'some' : 'loading');
    if (source) image.src = source;
    else image.removeAttribute('src');
  };
  show(first);
  return { element, show };
}
