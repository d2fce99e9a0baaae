/** Dialogs of the admin: modal, removed when they are closed. Closing returns the focus to the button that opened them. */
import { html, only, ref } from '../html.js';
import { say } from '../words.js';

/** @param {DocumentFragment} markup with one `dialog` @returns {HTMLDialogElement} */
export function openDialog(markup) {
  const dialog = /** @type {HTMLDialogElement} */ (only(markup));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {string} heading a question
 * @param {string} what will happen
 * @param {string} yes text of the button that does it
 * @param {[string, string][]} [ways] values and texts of ways to do it; the first is chosen
 * @returns {Promise<string | null>} the way, "" if there are none; null if it was not confirmed
 */
export function confirmed(heading, what, yes, ways = []) {
  const dialog = openDialog(html`<dialog class="edit small" aria-labelledby="sure-heading"><form method="dialog">
    <h2 id="sure-heading">${heading}</h2>
    <p>${what}</p>
    ${ways.length ? html`<div class="ways">${ways.map(([value, text], k) => html`<label class="check"><input type="radio" name="way" value="${value}"
      ${k ? '' : 'checked'}> <span>${text}</span></label>`)}</div>` : ''}
    <p class="buttons"><button type="submit" class="main grave" value="yes">${yes}</button>
      <button type="button" class="quiet" data-ref="cancel">${say('edit.cancel')}</button></p>
  </form></dialog>`);
  ref(dialog, 'cancel').addEventListener('click', () => dialog.close(''));
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      /** @type {HTMLInputElement | null} */
      const way = dialog.querySelector('[name=way]:checked');
      resolve(dialog.returnValue === 'yes' ? way?.value ?? '' : null);
    });
  });
}

/**
 * Asks for a reason, which may be left out.
 * @param {object} plan
 * @param {string} plan.heading a question
 * @param {string} [plan.what] will happen
 * @param {string} plan.label of the field
 * @param {string} plan.yes text of the button that does it
 * @param {string} plan.no
 * @param {string} [plan.reason] that was given before
 * @param {boolean} [plan.grave] it cannot be taken back: Enter in the field does not do it
 * @returns {Promise<string | null>} the reason; null if it was not confirmed
 */
export function askReason({ heading, what = '', label, yes, no, reason = '', grave = false }) {
  const dialog = openDialog(html`<dialog class="edit small" aria-labelledby="reason-heading"><form method="dialog">
    <h2 id="reason-heading">${heading}</h2>
    ${what ? html`<p>${what}</p>` : ''}
    <label class="field"><span>${label}</span><textarea name="reason" rows="2" maxlength="500">${reason}</textarea></label>
    <p class="buttons"><button type="submit" class="main ${grave ? 'grave' : ''}" value="yes" data-ref="yes">${yes}</button>
      <button type="button" class="quiet" data-ref="cancel">${no}</button></p>
  </form></dialog>`);
  const field = /** @type {HTMLTextAreaElement} */ (dialog.querySelector('textarea'));
  ref(dialog, 'cancel').addEventListener('click', () => dialog.close(''));
  field.addEventListener('keydown', (event) => {
    // A reason is one line. Enter may also end a syllable of Hangul.
    if (event.key !== 'Enter' || event.isComposing || grave) return;
    event.preventDefault();
    ref(dialog, 'yes').click();
  });
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? field.value.trim() : null));
  });
}
