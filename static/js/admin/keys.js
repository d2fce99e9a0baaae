/** Keys of the library. An element that uses a key itself, such as a field, goes first. */

/** Every key, in the order in which `?` lists them; the text of each is `key.NAME`. */
export const KEYS = {
  search: ['/'],
  next: ['j', 'ArrowDown'],
  previous: ['k', 'ArrowUp'],
  open: ['Enter'],
  edit: ['e'],
  trash: ['Delete', 'Backspace'],
  undo: ['u'],
  reason: ['r'],
  play: [' '],
  back: ['ArrowLeft'],
  on: ['ArrowRight'],
  back_far: ['Shift+ArrowLeft'],
  on_far: ['Shift+ArrowRight'],
  slower: ['<'],
  faster: ['>'],
  close: ['Escape'],
  help: ['?'],
};
/** @typedef {keyof typeof KEYS} KeyName */

/** Elements, and the keys that they use themselves. @type {[string, (key: string) => boolean][]} */
const USERS = [
  ['input:not([type="range"], [type="checkbox"], [type="radio"]), textarea, select, [contenteditable], [popover]:popover-open', () => true],
  ['input', (key) => key === ' ' || key.includes('Arrow')],
  ['button, summary', (key) => key === ' ' || key === 'Enter'],
  ['a[href]', (key) => key === 'Enter'],
];

/** @param {KeyboardEvent} event @returns {string} as in KEYS: a letter is the one on the key, also while Hangul is typed */
function named({ key, code, shiftKey }) {
  const name = /^[ -~]$|^[A-Z]\w/.test(key) && key !== 'Process' ? key : code.startsWith('Key') ? code[3].toLowerCase() : key;
  return shiftKey && name.length > 1 ? `Shift+${name}` : name;
}

/** @param {EventTarget | null} target @param {string} key @returns {boolean} */
const isUsed = (target, key) => target instanceof Element
  && USERS.some(([selector, uses]) => target.closest(selector) && uses(key));

/** Listens to the keys of KEYS, unless a dialog is open. */
export function makeKeys() {
  /** @type {Map<string, (event: KeyboardEvent) => unknown>} */
  const acts = new Map();
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = named(event);
    const name = Object.entries(KEYS).find(([, keys]) => keys.includes(key))?.[0] ?? '';
    const act = acts.get(name);
    if (!act || document.querySelector('dialog:modal') || isUsed(event.target, key)) return;
    if (act(event) !== false) event.preventDefault();
  });
  return {
    /**
     * @param {KeyName} name
     * @param {(event: KeyboardEvent) => unknown} act returns false if it had nothing to do: the browser does what it does then
     */
    on: (name, act) => acts.set(name, act),
  };
}

/** @typedef {ReturnType<typeof makeKeys>} Keys */
