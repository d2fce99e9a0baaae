/** The list of keys, and of the words that a search knows. */
import { html, ref } from '../../html.js';
import { knows, say } from '../../words.js';
import { openDialog } from '../dialog.js';
import { KEYS } from '../keys.js';

/** What is written on a key. @param {string} key @returns {string} */
function shown(key) {
  return key.replace(' ', 'Space').split('+').map((part) => (knows(`key.${part}`) ? say(`key.${part}`) : { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→' }[part]
    ?? (part.length === 1 ? part.toUpperCase() : part))).join(' ');
}

/** @param {string[]} keys */
const names = (keys) => keys.map((key, k) => html`${k ? ` ${say('key.or')} ` : ''}<kbd>${shown(key)}</kbd>`);

const SEARCHES = ['word', 'without', 'phrase', 'by'];

export function openHelp() {
  const dialog = openDialog(html`<dialog class="edit help" aria-labelledby="help-heading">
    <h2 id="help-heading">${say('help.heading')}</h2>
    <dl class="keys">${Object.entries(KEYS).map(([name, keys]) => html`<div><dt>${names(keys)}</dt><dd>${say(`key.${name}`)}</dd></div>`)}</dl>
    <h2>${say('help.search')}</h2>
    <dl class="keys">${SEARCHES.map((name) => html`<div><dt><code>${say(`find.${name}`)}</code></dt><dd>${say(`find.${name}_is`)}</dd></div>`)}</dl>
    <p class="buttons"><button type="button" class="main" data-ref="done">${say('secret.done')}</button></p></dialog>`);
  ref(dialog, 'done').addEventListener('click', () => dialog.close());
}
