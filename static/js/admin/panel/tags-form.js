/**
 * The tags of a file, as fields; for those who may not change them, as text.
 *
 * @typedef {import('./draft.js').Draft} Draft
 */
import { html, only } from '../../html.js';
import { say } from '../../words.js';
import { makeConflict } from './conflict.js';
import { FIRST, FURTHER } from './draft.js';

const LONG = ['comment', 'lyrics', 'description'];
const EXAMPLES = /** @type {Record<string, string>} */ ({
  track: '3/12', disc: '1/2', bpm: '120', key: 'Ebm', language: 'kor', isrc: 'GBAYE0000351',
});
/** The reader has opened the tags that are empty. */
let furtherOpen = false;

/** @param {Draft} draft @param {string} name */
function field(draft, name) {
  const value = draft.tag(name);
  const example = name === 'date' ? say('tag.example_date') : EXAMPLES[name] ?? '';
  return html`<div class="tag-line" data-line="${name}"><label for="tag-${name}">${say(`tag.${name}`)}</label>
    ${LONG.includes(name) ? html`<textarea name="${name}" id="tag-${name}" rows="1" maxlength="4096" aria-describedby="wrong-${name}">${value}</textarea>`
      : html`<input name="${name}" id="tag-${name}" value="${value}" maxlength="1024" autocomplete="off" spellcheck="false" placeholder="${example}" aria-describedby="wrong-${name}">`}
    <p class="note" id="wrong-${name}" data-wrong="${name}"></p></div>`;
}

/** @param {Draft} draft */
const readOnly = (draft) => html`<dl class="lines">${[...FIRST, ...FURTHER].filter((name) => draft.tag(name))
  .map((name) => html`<dt>${say(`tag.${name}`)}</dt><dd>${draft.tag(name)}</dd>`)}</dl>`;

/**
 * @param {Draft} draft
 * @param {boolean} may edit
 * @param {() => void} edited
 */
export function makeTagsForm(draft, may, edited) {
  const filled = FURTHER.filter((name) => draft.tag(name));
  const further = FURTHER.filter((name) => !filled.includes(name));
  const element = only(html`<section class="part tags" aria-labelledby="tags-heading"><h3 id="tags-heading">${say('tags.heading')}</h3>
    ${may ? html`<div class="lines">${[...FIRST, ...filled].map((name) => field(draft, name))}</div>
      <details ${furtherOpen ? 'open' : ''}><summary>${say('edit.more')}</summary><div class="lines">${further.map((name) => field(draft, name))}</div></details>`
    : readOnly(draft)}</section>`);
  element.hidden = !may && ![...FIRST, ...FURTHER].some((name) => draft.tag(name));
  const inputs = /** @type {(HTMLInputElement | HTMLTextAreaElement)[]} */ ([...element.querySelectorAll('.tag-line :is(input, textarea)')]);
  const inputOf = (/** @type {string} */ name) => inputs.find((input) => input.name === name);
  element.querySelector('details')?.addEventListener('toggle', ({ target }) => { furtherOpen = /** @type {HTMLDetailsElement} */ (target).open; });

  function fill() {
    for (const input of inputs) {
      if (input.value.trim() !== draft.tag(input.name).trim()) input.value = draft.tag(input.name);
    }
  }

  /** @param {string} name @param {string} words "" for none @returns {boolean} whether there is such a field */
  function complain(name, words) {
    const input = inputOf(name);
    if (!input) return false;
    /** @type {HTMLElement} */ (element.querySelector(`[data-wrong="${name}"]`)).textContent = words;
    input.toggleAttribute('aria-invalid', words !== '');
    if (words) input.closest('details')?.setAttribute('open', '');
    if (words) input.focus();
    return true;
  }

  element.addEventListener('input', ({ target }) => {
    const { name, value, type } = /** @type {HTMLInputElement} */ (target);
    if (type === 'radio') return;
    draft.put(name, value);
    complain(name, '');
    edited();
  });
  return {
    element, complain,
    focus() {
      inputs[0]?.focus();
      inputs[0]?.select();
    },
    /** Shows what the draft has now, and its conflicts. */
    draw() {
      fill();
      for (const { name } of inputs) complain(name, '');
      for (const old of element.querySelectorAll('.conflict')) old.remove();
      for (const [name, conflict] of draft.conflicts) {
        const line = inputOf(name)?.closest('.tag-line');
        line?.closest('details')?.setAttribute('open', '');
        line?.append(makeConflict(name, conflict, (whose) => { draft.choose(name, whose); fill(); edited(); }));
      }
    },
  };
}
