/** Protects what is not saved: it asks before anything would take it away. */
import { html, ref } from '../../html.js';
import { say } from '../../words.js';
import { openDialog } from '../dialog.js';

/** @param {string} name of the file @returns {Promise<'save' | 'discard' | 'keep'>} */
export function askUnsaved(name) {
  const dialog = openDialog(html`<dialog class="edit small" aria-labelledby="unsaved-heading"><form method="dialog">
    <h2 id="unsaved-heading">${say('unsaved.heading')}</h2>
    <p>${say('unsaved.what', { name })}</p>
    <p class="buttons"><button type="submit" class="main" value="save" data-ref="unsaved-save">${say('edit.save')}</button>
      <button type="submit" class="quiet" value="discard">${say('unsaved.discard')}</button>
      <button type="submit" class="quiet" value="keep">${say('unsaved.keep')}</button></p>
  </form></dialog>`);
  ref(dialog, 'unsaved-save').focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(/** @type {'save' | 'discard' | 'keep'} */ (dialog.returnValue || 'keep')));
  });
}

/** Lets the browser ask before the page is closed or reloaded. @param {() => boolean} isDirty */
export function guardClosing(isDirty) {
  addEventListener('beforeunload', (event) => { if (isDirty()) event.preventDefault(); });
}
