/**
 * Banner that asks to sign in on the page, so that the queue stays. Loaded when it is needed.
 */
import { Refusal } from './client.js';
import { html, only, ref } from './html.js';
import { icon } from './icons.js';
import { say } from './words.js';

/**
 * @param {HTMLElement} place
 * @param {import('./client.js').Client} client
 * @param {boolean} hadAccess
 * @param {(text: string) => void} announce
 * @param {() => void} signedIn
 */
export function openSignIn(place, client, hadAccess, announce, signedIn) {
  if (place.firstChild) return;
  const kind = hadAccess ? 'ended' : 'first';
  announce(say(`sign_in.${kind}`));
  const form = /** @type {HTMLFormElement} */ (only(html`<form class="line sign-in" aria-labelledby="sign-in-what">
    ${icon('key')}
    <p><strong id="sign-in-what" data-words="sign_in.${kind}">${say(`sign_in.${kind}`)}</strong>
      <span data-words="sign_in.${kind}_then">${say(`sign_in.${kind}_then`)}</span></p>
    <p class="enter field"><input type="password" name="token" autocomplete="current-password" required data-ref="token"
      aria-label="${say('sign_in.token')}" placeholder="${say('sign_in.token')}" data-words-label="sign_in.token" data-words-placeholder="sign_in.token">
      <button type="submit" data-words="sign_in.do">${say('sign_in.do')}</button></p>
    <p class="note" role="alert" data-ref="wrong"></p>
  </form>`));
  const token = /** @type {HTMLInputElement} */ (ref(form, 'token'));
  const wrong = ref(form, 'wrong');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await client.signIn(token.value.trim());
      announce(say('sign_in.done'));
      signedIn();
    } catch (error) {
      const word = error instanceof Refusal ? 'sign_in.wrong' : 'line.server';
      wrong.dataset.words = word;
      wrong.textContent = say(word);
      token.select();
    }
  });
  place.append(form);
}
