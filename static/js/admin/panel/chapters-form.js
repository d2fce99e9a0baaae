/**
 * The chapters of a file: play one, change them, add one where the player is, paste a list of them.
 *
 * @typedef {import('./draft.js').Draft} Draft
 * @typedef {import('./draft.js').ChapterRow} ChapterRow
 */
import { clock } from '../../format.js';
import { html, only, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { say } from '../../words.js';
import { makeConflict } from './conflict.js';
import { CHAPTERS } from './draft.js';
import { listedChapters, seconds, stamp } from './times.js';

/** @typedef {{play: (seconds: number) => void, at: () => number, watch: (act: () => void) => () => void}} Position of the player in this file */

/** @param {ChapterRow} row @param {number} k @param {boolean} may edit */
function line({ start, title, url }, k, may) {
  const named = { number: k + 1 };
  const play = html`<button type="button" class="quiet" data-play-chapter="${k}" aria-label="${say('chapter.play', { title: title || start })}">${icon('play')}</button>`;
  if (!may) return html`<li class="chapter">${play}<span class="time">${start}</span><span>${title}</span></li>`;
  return html`<li class="chapter" data-k="${k}">${play}
    <input data-part="start" value="${start}" inputmode="numeric" autocomplete="off" maxlength="14" aria-label="${say('chapter.start', named)}" aria-describedby="wrong-chapter-${k}">
    <input data-part="title" value="${title}" maxlength="1024" autocomplete="off" placeholder="${say('chapter.title_hint')}" aria-label="${say('chapter.title', named)}" aria-describedby="wrong-chapter-${k}">
    <button type="button" class="quiet" data-link="${k}" aria-label="${say('chapter.link', named)}" aria-expanded="${String(url !== '')}">${icon('link')}</button>
    <button type="button" class="quiet" data-remove="${k}" aria-label="${say('chapter.remove', named)}">${icon('cross')}</button>
    <input data-part="url" type="url" value="${url}" maxlength="1024" autocomplete="off" placeholder="https://" aria-label="${say('chapter.url', named)}" aria-describedby="wrong-chapter-${k}" ${url ? '' : 'hidden'}>
    <p class="note" id="wrong-chapter-${k}" data-wrong-chapter="${k}"></p></li>`;
}

/** @param {Element} row @returns {HTMLElement[]} what may have the focus */
const partsOf = (row) => [...row.querySelectorAll('button, input')].map((part) => /** @type {HTMLElement} */ (part));

/** @param {ChapterRow} row @returns {number} for the order; rows that cannot be read stay last */
const order = ({ start }) => seconds(start) ?? Infinity;

/**
 * @param {Draft} draft
 * @param {boolean} may edit
 * @param {Position} position
 * @param {() => void} edited
 */
export function makeChaptersForm(draft, may, position, edited) {
  const element = only(html`<section class="part chapters" aria-labelledby="chapters-heading"><h3 id="chapters-heading">${say('chapter.heading')}</h3>
    <ol data-ref="chapters"></ol><div data-ref="chapters-conflict"></div>
    ${may ? html`<p><button type="button" class="quiet first" data-ref="add-chapter">${icon('tag')}<span data-ref="add-words"></span></button></p>` : ''}</section>`);
  const list = ref(element, 'chapters');

  /** @param {ChapterRow[]} rows */
  function put(rows) {
    draft.put(CHAPTERS, rows);
    edited();
  }

  /** @returns {{k: number, at: number} | null} the row that has the focus, and which of its elements */
  function focused() {
    const row = /** @type {HTMLElement | null} */ (list.contains(document.activeElement) ? document.activeElement?.closest('li') ?? null : null);
    return row && { k: [...list.children].indexOf(row), at: partsOf(row).indexOf(/** @type {HTMLElement} */ (document.activeElement)) };
  }

  /** @param {ReturnType<typeof focused>} [focus] which element has it afterwards; the one that has it now */
  function drawList(focus = focused()) {
    list.replaceChildren(html`${draft.chapters.map((row, k) => line(row, k, may))}`);
    element.hidden = !may && draft.chapters.length === 0;
    const row = focus && list.children[focus.k];
    if (row) partsOf(row)[focus.at]?.focus();
  }

  /** @param {number} k @param {string} part @returns {HTMLInputElement | null} */
  const inputOf = (k, part) => list.querySelector(`[data-k="${k}"] [data-part="${part}"]`);

  /** @param {number} k of the row @param {string} part @param {string} words */
  function complain(k, part, words) {
    const place = list.querySelector(`[data-wrong-chapter="${k}"]`);
    if (place) place.textContent = words;
    for (const input of list.querySelectorAll(`[data-k="${k}"] input`)) input.removeAttribute('aria-invalid');
    const input = inputOf(k, part);
    if (!words || !input) return;
    input.hidden = false;
    input.setAttribute('aria-invalid', '');
    input.focus();
  }

  function add() {
    const added = { start: stamp(Math.floor(position.at())), title: '', url: '' };
    const rows = [...draft.chapters, added].sort((one, other) => order(one) - order(other));
    put(rows);
    drawList();
    inputOf(rows.indexOf(added), 'title')?.focus();
  }

  /** @param {number} k */
  function remove(k) {
    put(draft.chapters.filter((_, other) => other !== k));
    drawList();
    const near = inputOf(Math.min(k, draft.chapters.length - 1), 'title');
    /** @type {HTMLElement} */ (near ?? ref(element, 'add-chapter')).focus();
  }

  function drawAdd() {
    if (may) setText(ref(element, 'add-words'), say('chapter.add', { at: clock(Math.floor(position.at())) }));
  }

  element.addEventListener('click', ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest('button');
    const { playChapter, link, remove: removed } = button?.dataset ?? {};
    if (playChapter !== undefined) position.play(seconds(draft.chapters[Number(playChapter)].start) ?? 0);
    if (removed !== undefined) remove(Number(removed));
    const url = link === undefined ? null : inputOf(Number(link), 'url');
    if (url) {
      url.hidden = !url.hidden;
      button?.setAttribute('aria-expanded', String(!url.hidden));
      if (!url.hidden) url.focus();
    }
    if (button?.dataset.ref === 'add-chapter') add();
  });
  list.addEventListener('input', ({ target }) => {
    const { dataset: { part = '' }, value } = /** @type {HTMLInputElement} */ (target);
    const k = Number(/** @type {HTMLElement} */ (/** @type {HTMLElement} */ (target).closest('li')).dataset.k);
    complain(k, part, '');
    put(draft.chapters.map((row, other) => (other === k ? { ...row, [part]: value } : row)));
  });
  list.addEventListener('paste', (event) => {
    const rows = listedChapters(event.clipboardData?.getData('text/plain') ?? '');
    if (rows.length < 2) return;
    event.preventDefault();
    put([...draft.chapters.filter(({ title }) => title.trim()), ...rows].sort((one, other) => order(one) - order(other)));
    drawList();
  });
  const end = position.watch(drawAdd);
  drawAdd();
  drawList();
  return {
    element, complain, end,
    /** Puts the rows into their order, in which the server wants them. */
    sort() {
      const before = draft.chapters;
      const rows = [...before].sort((one, other) => order(one) - order(other));
      if (JSON.stringify(rows) === JSON.stringify(before)) return;
      const focus = focused();
      put(rows);
      drawList(focus && { ...focus, k: rows.indexOf(before[focus.k]) });
    },
    draw() {
      drawList();
      const conflict = draft.conflicts.get(CHAPTERS);
      ref(element, 'chapters-conflict').replaceChildren(conflict ? makeConflict(CHAPTERS, conflict, (whose) => {
        draft.choose(CHAPTERS, whose);
        drawList();
        edited();
      }) : '');
    },
  };
}
