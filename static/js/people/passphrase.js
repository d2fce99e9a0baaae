/** The form for the passphrase of a guest link. */
import { Refusal } from '../client.js';
import { html, only, ref } from '../html.js';
import { say } from '../words.js';

/**
 * @param {(passphrase: string) => Promise<unknown>} enter
 * @param {() => void} done
 * @returns {HTMLElement}
 */
export function passphraseForm(enter, done) {
  const form = only(html`<form class="passphrase sign-in-form" novalidate>
    <p data-words="guest.passphrase_lead">${say('guest.passphrase_lead')}</p>
    <label class="field"><span data-words="guest.passphrase">${say('guest.passphrase')}</span>
      <input type="password" name="passphrase" autocomplete="off" data-ref="passphrase" aria-describedby="passphrase-wrong"></label>
    <p><button type="submit" class="main" data-words="guest.enter">${say('guest.enter')}</button></p>
    <p class="note" id="passphrase-wrong" role="alert" data-ref="wrong"></p>
  </form>`);
  const input = /** @type {HTMLInputElement} */ (ref(form, 'passphrase'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const wrong = ref(form, 'wrong');
    try {
      await enter(input.value);
      done();
    } catch (error) {
      const key = error instanceof Refusal ? 'guest.wrong_passphrase' : 'sign_in.no_answer';
      wrong.dataset.words = key;
      wrong.textContent = say(key);
      input.select();
    }
  });
  return form;
}
