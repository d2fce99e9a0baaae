/** Banner that asks to sign in on the page, so that the queue stays. Loaded when it is needed. */
import { html, only } from '../html.js';
import { icon } from '../icons.js';
import { say } from '../words.js';
import { signInForm } from './sign-in-form.js';

/**
 * @param {HTMLElement} place
 * @param {import('../client.js').Client} client
 * @param {string} invitation secret of a one-time link; "" without one
 * @param {boolean} hadAccess
 * @param {(text: string) => void} announce
 * @param {() => void} signedIn
 */
export function openSignIn(place, client, invitation, hadAccess, announce, signedIn) {
  if (place.firstChild) return;
  const kind = invitation ? 'invited' : hadAccess ? 'ended' : 'first';
  announce(say(`sign_in.${kind}`));
  const banner = only(html`<section class="line sign-in" aria-labelledby="sign-in-what">
    ${icon('key')}
    <div><p><strong id="sign-in-what" data-words="sign_in.${kind}">${say(`sign_in.${kind}`)}</strong>
      <span data-words="sign_in.${kind}_then">${say(`sign_in.${kind}_then`)}</span></p>
    ${invitation ? '' : document.querySelector('.foot .contact')?.cloneNode(true)}</div>
  </section>`);
  banner.append(signInForm(client, invitation, () => {
    announce(say('sign_in.done'));
    signedIn();
  }));
  place.append(banner);
}
