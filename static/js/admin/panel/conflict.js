/** What two people have changed at the same time, settled field by field. */
import { html, only } from '../../html.js';
import { say } from '../../words.js';
import { CHAPTERS } from './draft.js';

/** @param {import('./draft.js').Value} value @returns {string} */
const shown = (value) => (typeof value === 'string' ? value.trim() || say('conflict.empty')
  : value.length === 0 ? say('conflict.empty') : value.map(({ start, title }) => `${start} ${title}`).join('\n'));

/** @param {string} name of a tag, or `chapters` @returns {string} */
export const fieldName = (name) => say(name === CHAPTERS ? 'chapter.heading' : `tag.${name}`);

/**
 * @param {string} name
 * @param {{mine: import('./draft.js').Value, theirs: import('./draft.js').Value}} conflict
 * @param {(whose: 'mine' | 'theirs') => void} choose
 */
export function makeConflict(name, { mine, theirs }, choose) {
  const element = only(html`<fieldset class="conflict" data-conflict="${name}"><legend>${say('conflict.legend', { field: fieldName(name) })}</legend>
    <label class="check"><input type="radio" name="conflict-${name}" value="mine" checked><span>${say('conflict.mine')} <q>${shown(mine)}</q></span></label>
    <label class="check"><input type="radio" name="conflict-${name}" value="theirs"><span>${say('conflict.theirs')} <q>${shown(theirs)}</q></span></label>
  </fieldset>`);
  element.addEventListener('change', ({ target }) => choose(/** @type {HTMLInputElement} */ (target).value === 'theirs' ? 'theirs' : 'mine'));
  return element;
}
