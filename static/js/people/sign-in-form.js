/**
 * The form for signing in: by name and password, by an invitation, which may set a password, or by the admin token.
 * Its texts are in `data-words`, so that what was typed stays when the language changes.
 */
import { Refusal, Trouble } from '../client.js';
import { html, only, ref } from '../html.js';
import { say } from '../words.js';
import './texts.js';

/** @param {string} name @param {string} complete `autocomplete` @param {string} type */
const field = (name, complete, type = 'password') => html`<label class="field"><span data-words="sign_in.${name}">${say(`sign_in.${name}`)}</span>
  <input type="${type}" name="${name}" autocomplete="${complete}" data-ref="${name}" aria-describedby="sign-in-wrong"
    ${type === 'text' ? 'autocapitalize=none spellcheck=false' : ''}></label>`;

/** @param {string} key */
const text = (key) => html`<span data-words="${key}">${say(key)}</span>`;

/**
 * @param {unknown} error of a sign-in @param {string} way
 * @returns {[string, Record<string, string>]} key of the text, and its values
 */
function wrongWords(error, way) {
  if (error instanceof Trouble && error.code === 'too_many_requests') return ['sign_in.slow', { seconds: String(Math.ceil(error.retryAfter ?? 1)) }];
  if (!(error instanceof Refusal)) return ['sign_in.no_answer', {}];
  return [error.status === 401 ? `sign_in.wrong_${way}` : 'sign_in.unusable', {}];
}

/**
 * @param {import('../client.js').Client} client
 * @param {string} invitation secret of a one-time link; "" without one
 * @param {() => void} done
 * @returns {HTMLFormElement}
 */
export function signInForm(client, invitation, done) {
  const form = /** @type {HTMLFormElement} */ (only(html`<form class="sign-in-form" novalidate aria-labelledby="sign-in-what">
    ${invitation ? html`${field('new_password', 'new-password')}
      <p class="beneath" data-words="sign_in.new_password_hint">${say('sign_in.new_password_hint')}</p>`
    : html`${field('name', 'username', 'text')}${field('password', 'current-password')}`}
    <p><button type="submit" class="main">${text('sign_in.do')}</button></p>
    ${invitation ? '' : html`<details><summary>${text('sign_in.other')}</summary>
      <p class="beneath" data-words="sign_in.token_hint">${say('sign_in.token_hint')}</p>${field('token', 'off')}</details>`}
    <p class="note" id="sign-in-wrong" role="alert" data-ref="wrong"></p>
  </form>`));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
  const input = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (ref(form, name));
  const typed = (/** @type {string} */ name) => (invitation && name !== 'new_password' ? '' : input(name).value);

  /** @param {string} key "" for no error @param {Record<string, string>} [values] */
  function complain(key, values = {}) {
    const wrong = ref(form, 'wrong');
    for (const name of Object.keys(wrong.dataset)) if (name !== 'ref') delete wrong.dataset[name];
    Object.assign(wrong.dataset, values, key ? { words: key } : {});
    wrong.textContent = key && say(key, values);
  }

  /** @returns {[string, Record<string, string>]} way, and body of the request */
  function asked() {
    if (invitation) return ['invitation', { invitation, ...(typed('new_password') ? { password: typed('new_password') } : {}) }];
    if (typed('token').trim()) return ['token', { token: typed('token').trim() }];
    return ['password', { name: typed('name').trim(), password: typed('password') }];
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const [way, body] = asked();
    const missing = way === 'password' && ['name', 'password'].find((name) => !body[name]);
    if (missing) {
      complain(`sign_in.missing_${missing}`);
      return input(missing).focus();
    }
    button.disabled = true;
    complain('');
    try {
      await client.signIn(body);
      form.reset();
      done();
    } catch (error) {
      complain(...wrongWords(error, way));
      input(way === 'invitation' ? 'new_password' : way).select();
    }
    button.disabled = false;
    return undefined;
  });
  return form;
}
