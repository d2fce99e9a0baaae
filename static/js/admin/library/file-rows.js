/**
 * The row of a file. Rows are copies of one, filled in: parsing markup for each costs five times as much.
 *
 * @typedef {import('../files.js').StoredFile} StoredFile
 */
import { bytes, clock, exactly, moment } from '../../format.js';
import { html, only, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { language, say } from '../../words.js';
import { hashOf } from '../address.js';

/** Columns that can be sorted, with the order of their first click. */
export const COLUMNS = { title: '', artist: '', duration: '-', size: '-', uploaded_at: '-' };

/** Roles are written out because the table's parts are grids, for which browsers forget them. */
const markup = () => only(html`<table><tbody><tr role="row">
  <td role="cell" class="col-play"><button type="button" class="round" data-do="play" data-ref="play" data-playing="false">${icon('play')}</button></td>
  <th role="rowheader" scope="row" class="col-title"><span class="line-one"><a class="title" data-do="open" data-ref="title"></a>
    <span class="mark-warn" data-ref="warn" role="img" hidden></span></span>
    <span class="beneath" data-ref="beneath"></span></th>
  <td role="cell" class="col-artist" data-ref="artist"></td>
  <td role="cell" class="col-duration" data-ref="duration"></td>
  <td role="cell" class="col-size" data-ref="size"></td>
  <td role="cell" class="col-uploaded_at"><time data-ref="time"></time></td>
  <td role="cell" class="col-more"><button type="button" class="quiet" data-do="menu" data-ref="menu" aria-haspopup="menu">${icon('dots')}</button></td>
</tr></tbody></table>`);
/** @type {HTMLElement | null} */
let prototype = null;

/** @returns {HTMLElement} a row without the white space of its markup: a third of its nodes */
function row() {
  const made = /** @type {HTMLElement} */ (markup().querySelector('tr'));
  const walker = document.createTreeWalker(made, NodeFilter.SHOW_TEXT);
  /** @type {Node[]} */
  const blank = [];
  while (walker.nextNode()) if (!walker.currentNode.nodeValue?.trim()) blank.push(walker.currentNode);
  for (const node of blank) node.parentNode?.removeChild(node);
  return made;
}

/** @param {StoredFile} file @returns {string} */
export const called = (file) => file.title || file.filename;

/** @param {StoredFile} file @returns {HTMLElement} */
export function makeRow(file) {
  prototype ??= row();
  const made = /** @type {HTMLElement} */ (/** @type {HTMLElement} */ (prototype).cloneNode(true));
  fillRow(made, file);
  return made;
}

/** @param {StoredFile} file @returns {string} the line below the title */
function beneath(file) {
  const gone = file.place === 'taken' && say('row.taken', { time: file.removed_at ? moment(file.removed_at, language()) : '' }).trim();
  return [gone, file.sender, file.email, file.link?.title, file.collection, file.title ? file.filename : ''].filter(Boolean).join(' · ');
}

/** @param {HTMLElement} shown @param {StoredFile} file */
export function fillRow(shown, file) {
  const name = called(file);
  const part = (/** @type {string} */ key) => ref(shown, key);
  shown.dataset.id = file.id;
  shown.classList.toggle('taken', file.place === 'taken');
  part('play').hidden = file.place === 'taken';
  const title = /** @type {HTMLAnchorElement} */ (part('title'));
  setText(title, name);
  title.href = hashOf({ section: 'files', filters: {}, file: file.id });
  const warn = part('warn');
  warn.hidden = file.verdict !== 'warn';
  if (!warn.hidden) {
    warn.replaceChildren(icon('warn'));
    warn.setAttribute('aria-label', say('row.warn'));
    warn.title = say('row.warn');
  }
  setText(part('beneath'), beneath(file));
  setText(part('artist'), file.artist ?? '');
  setText(part('duration'), clock(file.duration));
  setText(part('size'), bytes(file.size, language()));
  const time = /** @type {HTMLTimeElement} */ (part('time'));
  setText(time, moment(file.uploaded_at, language()));
  time.dateTime = file.uploaded_at;
  time.title = exactly(file.uploaded_at, language());
  part('menu').setAttribute('aria-label', say('row.menu', { name }));
  showPlaying(shown, file, false, false);
}

/** @param {HTMLElement} shown @param {StoredFile} file @param {boolean} current in the player @param {boolean} playing */
export function showPlaying(shown, file, current, playing) {
  shown.classList.toggle('current', current);
  const button = ref(shown, 'play');
  const label = say(playing ? 'play.pause' : 'play.play', { name: called(file) });
  if (button.getAttribute('aria-label') !== label) button.setAttribute('aria-label', label);
  if (button.dataset.playing === String(playing)) return;
  button.dataset.playing = String(playing);
  button.replaceChildren(icon(playing ? 'pause' : 'play'));
}
