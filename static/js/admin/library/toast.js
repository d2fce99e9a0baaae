/** A message at the foot of the page that leaves by itself, with a button that takes back what was done. */
import { html, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { say } from '../../words.js';

const LASTS_MS = 10_000;

/**
 * @typedef {object} Step what the button of a message does
 * @property {() => unknown} act
 * @property {string} [words] of the button; without them it is Undo, which has a key too
 * @property {{words: string, act: () => unknown}} [more] another button, which does not end the message
 */

/** @param {HTMLElement} root with role `status` */
export function makeToast(root) {
  /** What may be taken back, the latest last; `until` in ms of the page's clock. @type {{act: () => unknown, until: number}[]} */
  let undoable = [];
  /** @type {Step | undefined} */
  let step;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  root.replaceChildren(html`<span data-ref="toast-words"></span>
    <button type="button" class="quiet" data-ref="undo"></button>
    <button type="button" class="quiet" data-ref="toast-more"></button>
    <button type="button" class="quiet" data-ref="toast-close">${icon('cross')}</button>`);
  const words = ref(root, 'toast-words');
  const button = ref(root, 'undo');
  const further = ref(root, 'toast-more');
  const close = ref(root, 'toast-close');

  function hide() {
    clearTimeout(timer);
    step = undefined;
    root.classList.remove('shown');
    setText(words, '');
    for (const one of [button, further, close]) one.hidden = true;
  }

  /** @param {string} text @param {boolean} bad @param {Step} [offered] */
  function show(text, bad, offered) {
    step = offered;
    setText(words, text);
    setText(button, step?.words ?? say('undo.do'));
    setText(further, step?.more?.words ?? '');
    button.hidden = !step;
    further.hidden = !step?.more;
    close.setAttribute('aria-label', say('undo.close'));
    root.classList.toggle('bad', bad);
    root.classList.add('shown');
    close.hidden = false;
    hideAfter(LASTS_MS);
  }

  /** @param {number} ms */
  function hideAfter(ms) {
    clearTimeout(timer);
    // Below a dialog nobody can reach it, and the focus must find its button again.
    timer = setTimeout(() => (document.querySelector('dialog:modal') ? hideAfter(ms) : hide()), ms);
  }

  // It stays while the pointer or the focus is on it.
  for (const event of ['pointerenter', 'focusin']) root.addEventListener(event, () => clearTimeout(timer));
  for (const event of ['pointerleave', 'focusout']) root.addEventListener(event, () => hideAfter(LASTS_MS / 2));

  /** Takes back the latest step whose time is not over. @returns {boolean} whether there was one */
  function undo() {
    undoable = undoable.filter(({ until }) => until > performance.now());
    const last = undoable.pop();
    hide();
    last?.act();
    return last !== undefined;
  }

  button.addEventListener('click', () => {
    const taken = step;
    if (!taken?.words) return undo();
    hide();
    return taken.act();
  });
  further.addEventListener('click', () => step?.more?.act());
  close.addEventListener('click', hide);
  hide();
  return {
    undo,
    /** Does what the other button of the message does. @returns {boolean} whether there is one */
    more() {
      const { more } = step ?? {};
      more?.act();
      return more !== undefined;
    },
    /** @param {string} text why something was not done */
    complain: (text) => show(text, true),
    /** @param {string} text @param {Step} [offered] the same one again gets more time */
    say(text, offered) {
      show(text, false, offered);
      if (!offered || offered.words) return;
      undoable = undoable.filter(({ act }) => act !== offered.act);
      // Longer than the message usually stays: a pointer on it keeps it.
      undoable.push({ act: offered.act, until: performance.now() + 3 * LASTS_MS });
    },
  };
}
/** @typedef {ReturnType<typeof makeToast>} Toast */
