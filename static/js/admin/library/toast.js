/** A message at the foot of the page that leaves by itself, with a button that takes back what was done. */
import { html, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { say } from '../../words.js';

const LASTS_MS = 10_000;

/**
 * @typedef {object} Step what the button of a message does
 * @property {() => void} act
 * @property {string} [words] of the button; without them it is Undo, which has a key too
 */

/** @param {HTMLElement} root with role `status` */
export function makeToast(root) {
  /** What may be taken back, the latest last; `until` in ms of the page's clock. @type {{act: () => void, until: number}[]} */
  let undoable = [];
  /** @type {(() => void) | null} */
  let other = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  root.replaceChildren(html`<span data-ref="toast-words"></span>
    <button type="button" class="quiet" data-ref="undo"></button>
    <button type="button" class="quiet" data-ref="toast-close">${icon('cross')}</button>`);
  const words = ref(root, 'toast-words');
  const button = ref(root, 'undo');
  const close = ref(root, 'toast-close');

  function hide() {
    clearTimeout(timer);
    root.classList.remove('shown');
    setText(words, '');
    button.hidden = true;
    close.hidden = true;
  }

  /** @param {string} text @param {boolean} bad @param {Step} [step] */
  function show(text, bad, step) {
    clearTimeout(timer);
    setText(words, text);
    setText(button, step?.words ?? say('undo.do'));
    button.hidden = !step;
    other = step?.words ? step.act : null;
    close.setAttribute('aria-label', say('undo.close'));
    root.classList.toggle('bad', bad);
    root.classList.add('shown');
    close.hidden = false;
    timer = setTimeout(hide, LASTS_MS);
  }

  // It stays while the pointer or the focus is on it.
  for (const event of ['pointerenter', 'focusin']) root.addEventListener(event, () => clearTimeout(timer));
  for (const event of ['pointerleave', 'focusout']) root.addEventListener(event, () => { timer = setTimeout(hide, LASTS_MS / 2); });

  /** Takes back the latest step whose time is not over. @returns {boolean} whether there was one */
  function undo() {
    undoable = undoable.filter(({ until }) => until > performance.now());
    const last = undoable.pop();
    hide();
    last?.act();
    return last !== undefined;
  }

  button.addEventListener('click', () => {
    const act = other;
    if (!act) return undo();
    hide();
    return act();
  });
  close.addEventListener('click', hide);
  hide();
  return {
    undo,
    /** @param {string} text why something was not done */
    complain: (text) => show(text, true),
    /** @param {string} text @param {Step} [step] */
    say(text, step) {
      show(text, false, step);
      // Longer than the message usually stays: a pointer on it keeps it.
      if (step && !step.words) undoable.push({ act: step.act, until: performance.now() + 3 * LASTS_MS });
    },
  };
}
/** @typedef {ReturnType<typeof makeToast>} Toast */
