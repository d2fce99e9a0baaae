/**
 * What happens when a request fails: the reader signs in over the work, the line above the sections says that there is no
 * answer, and a message says why something was refused.
 *
 * @typedef {import('./files.js').Asked} Asked
 */
import { makeClient, Refusal } from '../client.js';
import { html, ref, setText } from '../html.js';
import { signInForm } from '../people/sign-in-form.js';
import { say } from '../words.js';
import { openDialog } from './dialog.js';
import { failureWords } from './form.js';

const AGAIN_MS = 3000;

/** The service's own 403 means that a role does not permit this; a proxy's, that it asks to sign in. @param {unknown} error */
export const isSignedOut = (error) => error instanceof Refusal && (error.status === 401 || error.code === 'http_403');

/**
 * Renews a session that has ended, in a dialog over the work.
 * @param {string} base URL of the page's folder
 * @param {() => void} done called after the reader has signed in
 */
export function makeSession(base, done) {
  const client = makeClient(base);
  /** @type {Promise<boolean> | null} */
  let asking = null;
  /** The reader has closed the dialog: polls must not open it again. */
  let declined = false;

  function ask() {
    return new Promise((/** @type {(yes: boolean) => void} */ resolve) => {
      const dialog = openDialog(html`<dialog class="edit small renew" aria-labelledby="renew-what" aria-describedby="renew-then">
        <h2 id="renew-what" data-words="renew.heading">${say('renew.heading')}</h2>
        <p id="renew-then" data-words="renew.then">${say('renew.then')}</p></dialog>`);
      let renewed = false;
      const form = signInForm(client, '', () => {
        renewed = true;
        dialog.close();
      });
      form.setAttribute('aria-labelledby', 'renew-what');
      dialog.append(form);
      form.querySelector('input')?.focus();
      dialog.addEventListener('close', () => resolve(renewed));
    });
  }

  /** @returns {Promise<boolean>} whether the reader has signed in */
  async function signIn() {
    asking ??= ask();
    const renewed = await asking;
    asking = null;
    declined = !renewed;
    if (renewed) done();
    return renewed;
  }

  return {
    signIn,
    /**
     * Sends a request, and again after the reader has signed in, if the session had ended.
     * @template T @param {() => Promise<T>} step @returns {Promise<T>}
     */
    async renewed(step) {
      try {
        return await step();
      } catch (error) {
        if (!isSignedOut(error) || declined || !(await signIn())) throw error;
        return step();
      }
    },
  };
}
/** @typedef {ReturnType<typeof makeSession>} Session */

/**
 * @param {HTMLElement} line above the sections
 * @param {Session} session
 * @param {(words: string) => void} complain shows why something was refused
 * @returns {Asked}
 */
export function makeAsked(line, session, complain) {
  /** Requests to repeat once the server responds. @type {Set<() => void>} */
  const waiting = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function tryAgain() {
    clearTimeout(timer);
    const steps = [...waiting];
    waiting.clear();
    for (const step of steps) step();
  }

  line.replaceChildren(html`<span data-ref="trouble-words"></span> <button type="button" class="quiet first" data-ref="trouble-do"></button>`);
  const button = ref(line, 'trouble-do');
  button.addEventListener('click', async () => {
    if (button.dataset.words === 'renew.do' && !(await session.signIn())) return;
    tryAgain();
  });

  /** @param {string} key of the words @param {string} action of the button */
  function tell(key, action) {
    const words = ref(line, 'trouble-words');
    // In `data-words`, so that another language reaches them.
    words.dataset.words = key;
    button.dataset.words = action;
    setText(words, say(key));
    setText(button, say(action));
    line.hidden = false;
  }

  return async (step, again) => {
    try {
      const answer = await step();
      line.hidden = true;
      return answer;
    } catch (error) {
      if (error instanceof Refusal && !isSignedOut(error)) {
        complain(failureWords(error));
        return null;
      }
      waiting.add(again);
      clearTimeout(timer);
      if (isSignedOut(error)) tell('renew.heading', 'renew.do');
      else {
        tell('admin.unreachable', 'admin.try_again');
        timer = setTimeout(tryAgain, AGAIN_MS);
      }
      return null;
    }
  };
}
