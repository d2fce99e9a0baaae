/**
 * A section of the admin: a list in pages, with buttons in its rows and above it. Rows are added and changed in place.
 *
 * @typedef {import('./files.js').Asked} Asked
 * @typedef {{id: string | number}} Row
 */
import { html, only, ref, setText } from '../html.js';
import { icon } from '../icons.js';
import { say } from '../words.js';
import { makeFurther } from './library/file-list.js';
import { patch } from './library/patch.js';

/**
 * @typedef {object} Line
 * @property {string} state its colours
 * @property {string | Node} sign
 * @property {string} title
 * @property {(string | Node)[]} facts below the title
 * @property {string} [note] a line of its own below the facts
 * @property {(string | Node)[]} [numbers] one or two lines
 * @property {string} [percent]
 * @property {number | null} [share] 0…1 of what may be used; null without a limit
 * @property {[name: string, icon: Parameters<typeof icon>[0], download?: string][]} [actions] the last is the URL of a download
 */

/** @param {Row} row @param {string} title @param {[string, Parameters<typeof icon>[0], string?]} action */
function control(row, title, [action, drawn, download]) {
  const label = say('do.named', { action: say(`act.${action}`), name: title });
  const inside = html`${icon(drawn)}<span>${say(`act.${action}`)}</span>`;
  return download ? html`<a class="quiet" data-do="${action}" data-id="${row.id}" href="${download}" download aria-label="${label}">${inside}</a>`
    : html`<button type="button" class="quiet" data-do="${action}" data-id="${row.id}" aria-label="${label}">${inside}</button>`;
}

/** @param {Row} row @param {Line} line */
export function lineMarkup(row, { state, sign, title, facts, note = '', numbers = [], percent, share = null, actions = [] }) {
  return html`<li class="row" data-state="${state}" data-row="${row.id}" tabindex="-1">
    <span class="sign">${sign}</span>
    <div class="what"><h2 class="name" title="${title}"><span class="name-whole">${title}</span></h2>
      <p class="status">${facts.filter(Boolean).map((fact, k) => html`${k ? ' · ' : ''}<span>${fact}</span>`)}</p>
      ${note ? html`<p class="remark">${note}</p>` : ''}</div>
    <p class="numbers">${numbers.filter(Boolean).map((text) => html`<span>${text}</span>`)}</p>
    ${percent === undefined ? '' : html`<p class="percent">${percent}</p>`}
    <p class="actions">${actions.map((action) => control(row, title, action))}</p>
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
 * @param {Record<string, string>} [plan.keys] names of buttons by those of keys
 * @param {number} [plan.every] ms after which the first page is asked for again
 */
export function listSection(root, asked, { load: ask, line, empty, tools, acts = {}, keys = {}, every = 0 }) {
  /** @type {R[]} */
  let rows = [];
  /** @type {string | null} */
  let next = null;
  let loaded = false;
  let shown = false;
  let asking = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  root.replaceChildren(html`<div class="tools" data-ref="tools"></div>
    <div class="list" data-ref="list"><p class="empty" data-ref="empty"></p><ul class="rows" data-ref="rows" hidden></ul><div data-ref="further"></div></div>`);
  const list = ref(root, 'list');
  const lines = ref(root, 'rows');
  const further = makeFurther(ref(root, 'further'), say('admin.more'), () => load(true));

  /** @param {boolean} more append the next page */
  async function load(more) {
    clearTimeout(timer);
    if (more && !next) return;
    if (document.visibilityState === 'visible' || !every) {
      const mine = asking += 1;
      const answer = await asked(() => ask(more && next ? next : undefined), () => shown && load(more));
      if (!answer || mine !== asking) return;
      rows = more ? [...rows, ...answer.rows] : answer.rows;
      next = answer.next;
      loaded = true;
      drawList();
    }
    // Only the first page is loaded again: with further pages open, these would disappear.
    if (shown && every && rows.length <= 100) timer = setTimeout(load, every, false);
  }

  function drawList() {
    const words = loaded ? (rows.length ? '' : empty()) : say('admin.loading');
    ref(list, 'empty').hidden = !words;
    setText(ref(list, 'empty'), words);
    lines.hidden = words !== '';
    const old = new Map([...lines.children].map((element) => [/** @type {HTMLElement} */ (element).dataset.row, element]));
    const before = place();
    rows.forEach((row, k) => {
      const [wanted, known] = [only(lineMarkup(row, line(row))), old.get(String(row.id))];
      if (known) patch(known, wanted);
      old.delete(String(row.id));
      const element = known ?? wanted;
      if (lines.children[k] !== element) lines.insertBefore(element, lines.children[k] ?? null);
    });
    for (const element of old.values()) element.remove();
    for (const bar of /** @type {NodeListOf<HTMLElement>} */ (lines.querySelectorAll('[data-share]'))) bar.style.transform = `scaleX(${bar.dataset.share})`;
    further.show(next !== null);
    // The row that had the focus is gone: the one that took its place.
    if (before >= 0 && document.activeElement === document.body) focusOn(Math.min(before, rows.length - 1));
  }

  /** @returns {number} of the row that has the focus; -1 if none has */
  const place = () => [...lines.children].indexOf(/** @type {Element} */ (document.activeElement?.closest('[data-row]')));

  /** @param {number} at @returns {boolean} */
  function focusOn(at) {
    const element = /** @type {HTMLElement | undefined} */ (lines.children[at]);
    element?.scrollIntoView({ block: 'nearest' });
    element?.focus({ preventScroll: true });
    return element !== undefined;
  }

  /** @param {string} action @returns {boolean} */
  function actHere(action) {
    const row = rows[place()];
    if (!row || !line(row).actions?.some(([name]) => name === action)) return false;
    acts[action](row);
    return true;
  }

  list.addEventListener('click', (event) => {
    const { do: action, id } = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset ?? {};
    const row = rows.find((one) => String(one.id) === id);
    if (row && action) acts[action]?.(row);
  });
  document.addEventListener('visibilitychange', () => shown && every && load(false));
  return {
    show() {
      shown = true;
      this.draw();
      load(false);
    },
    hide() {
      shown = false;
      clearTimeout(timer);
    },
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
    /** @param {string | number} id */
    remove(id) {
      rows = rows.filter((one) => one.id !== id);
      drawList();
    },
    /** Draws the list, for example because the player has another file. */
    redraw: () => loaded && drawList(),
    keys: {
      next: () => focusOn(Math.min(place() + 1, rows.length - 1)),
      previous: () => focusOn(Math.max(0, place() - 1)),
      ...Object.fromEntries(Object.entries(keys).map(([key, action]) => [key, () => actHere(action)])),
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
