/**
 * A section of the admin: a list in pages, with buttons in its rows and above it.
 *
 * @typedef {import('./files.js').Asked} Asked
 * @typedef {{id: string | number}} Row
 */
import { html, ref } from '../html.js';
import { icon } from '../icons.js';
import { say } from '../words.js';

/**
 * @typedef {object} Line
 * @property {string} state its colours
 * @property {string | Node} sign
 * @property {string} title
 * @property {(string | Node)[]} facts below the title
 * @property {(string | Node)[]} [numbers] one or two lines
 * @property {number | null} [share] 0…1 of what may be used; null without a limit
 * @property {[string, Parameters<typeof icon>[0]][]} [actions] names and icons
 */

/** @param {Row} row @param {Line} line */
export function lineMarkup(row, { state, sign, title, facts, numbers = [], share = null, actions = [] }) {
  return html`<li class="row" data-state="${state}">
    <span class="sign">${sign}</span>
    <div class="what"><h2 class="name" title="${title}"><span class="name-whole">${title}</span></h2>
      <p class="status">${facts.filter(Boolean).map((fact, k) => html`${k ? ' · ' : ''}<span>${fact}</span>`)}</p></div>
    <p class="numbers">${numbers.filter(Boolean).map((text) => html`<span>${text}</span>`)}</p>
    <p class="actions">${actions.map(([action, drawn]) => html`<button type="button" class="quiet" data-do="${action}" data-id="${row.id}"
      aria-label="${say('do.named', { action: say(`act.${action}`), name: title })}">${icon(drawn)}<span>${say(`act.${action}`)}</span></button>`)}</p>
    <div class="track">${share === null ? '' : html`<span class="safe" data-share="${Math.min(1, share)}"></span>`}</div>
  </li>`;
}

/**
 * @template {Row} R
 * @param {HTMLElement} root
 * @param {Asked} asked
 * @param {object} plan
 * @param {(cursor: string | undefined) => Promise<{rows: R[], next: string | null}>} plan.load
 * @param {(row: R) => Line} plan.line
 * @param {() => string} plan.empty words
 * @param {(tools: HTMLElement) => void} [plan.tools] draws what is above the list, once
 * @param {Record<string, (row: R) => void>} [plan.acts] by the names of buttons
 */
export function listSection(root, asked, { load: ask, line, empty, tools, acts = {} }) {
  /** @type {R[]} */
  let rows = [];
  /** @type {string | null} */
  let next = null;
  let loaded = false;
  let shown = false;
  let asking = 0;

  root.replaceChildren(html`<div class="tools" data-ref="tools"></div><div class="list" data-ref="list"></div>`);
  const list = ref(root, 'list');

  /** @param {boolean} more append the next page */
  async function load(more) {
    const mine = asking += 1;
    const answer = await asked(() => ask(more && next ? next : undefined), () => shown && load(more));
    if (!answer || mine !== asking) return;
    rows = more ? [...rows, ...answer.rows] : answer.rows;
    next = answer.next;
    loaded = true;
    drawList();
  }

  function drawList() {
    if (!loaded) return list.replaceChildren(html`<p class="empty">${say('admin.loading')}</p>`);
    if (rows.length === 0) return list.replaceChildren(html`<p class="empty">${empty()}</p>`);
    const focused = document.activeElement instanceof HTMLElement && list.contains(document.activeElement) ? document.activeElement.dataset : null;
    list.replaceChildren(html`<ul class="rows">${rows.map((row) => lineMarkup(row, line(row)))}</ul>
      ${next ? html`<p class="further"><button type="button" data-more="yes">${say('admin.more')}</button></p>` : ''}`);
    for (const bar of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll('[data-share]'))) {
      bar.style.transform = `scaleX(${bar.dataset.share})`;
    }
    if (!focused?.do) return;
    const same = list.querySelector(`[data-id="${CSS.escape(focused.id ?? '')}"][data-do="${focused.do}"]`)
      ?? list.querySelector(`[data-id="${CSS.escape(focused.id ?? '')}"]`) ?? ref(root, 'tools').querySelector('button');
    /** @type {HTMLElement | null} */ (same)?.focus();
  }

  list.addEventListener('click', (event) => {
    const { do: action, id, more } = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset ?? {};
    const row = rows.find((one) => String(one.id) === id);
    if (more) load(true);
    if (row && action) acts[action]?.(row);
  });
  return {
    show() {
      shown = true;
      this.draw();
      load(false);
    },
    hide() { shown = false; },
    draw() {
      tools?.(ref(root, 'tools'));
      drawList();
    },
    /** Loads the list again from its beginning. */
    again: () => load(false),
    /** Puts a changed row in place of the old one, a new one first. @param {R} row */
    put(row) {
      const known = rows.some(({ id }) => id === row.id);
      rows = known ? rows.map((one) => (one.id === row.id ? row : one)) : [row, ...rows];
      drawList();
    },
  };
}

/** A button above a list. @param {HTMLElement} tools @param {string} words @param {() => void} act */
export function toolButton(tools, words, act) {
  const button = document.createElement('button');
  Object.assign(button, { type: 'button', className: 'main' });
  button.append(words);
  button.addEventListener('click', act);
  tools.append(button);
}
