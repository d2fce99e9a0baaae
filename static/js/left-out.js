/** Shows the names of files that were left out because they are not MP3. */
import { setText } from './html.js';
import { say } from './words.js';

/** Maximum names shown. */
const NAMED = 3;

/** @param {string[]} names @returns {string} "" for none */
export function leftOutWords(names) {
  if (names.length === 0) return '';
  const told = names.slice(0, NAMED).join(', ');
  const rest = names.length - NAMED;
  return say('sum.left_out', { count: names.length, names: rest > 0 ? say('sum.more', { names: told, count: rest }) : told });
}

/** @param {(name: string) => HTMLElement} part of the page @param {() => void} dismissed called when the user dismisses the line */
export function leftOutLine(part, dismissed) {
  /** @type {string[]} */
  let names = [];
  const clear = () => { names = []; };
  part('left-out-dismiss').addEventListener('click', () => {
    clear();
    dismissed();
  });
  return {
    clear,
    get names() { return names; },
    add: (/** @type {string[]} */ more) => { names = [...names, ...more]; },
    draw() {
      part('left-out').hidden = names.length === 0;
      setText(part('left-out-words'), leftOutWords(names));
    },
  };
}
