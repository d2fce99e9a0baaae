/**
 * Finished files: search, sort, pagination by cursor, tag editor.
 *
 * @typedef {object} StoredFile sizes in bytes, duration in seconds, times RFC 3339; missing tags are null
 * @property {string} id
 * @property {string} filename
 * @property {string | null} title
 * @property {string | null} artist
 * @property {string | null} album
 * @property {string | null} sender
 * @property {string | null} [email] of the sender
 * @property {string | null} [collection] slug of its show
 * @property {{id: string, title: string} | null} [link] by which it was sent
 * @property {number} duration
 * @property {number} size
 * @property {string} uploaded_at
 * @property {string} spooled_sha256 version of the file
 *
 * @typedef {<T>(step: () => Promise<T>, again: () => void) => Promise<T | null>} Asked
 */
import { bytes, clock, exactly, moment } from '../format.js';
import { html } from '../html.js';
import { icon } from '../icons.js';
import { language, say } from '../words.js';

const PAGE = '50';
const TYPING_MS = 250;
/** Columns that can be sorted, with the order of their first click. */
const COLUMNS = { title: '', artist: '', duration: '-', size: '-', uploaded_at: '-' };

/** @param {StoredFile} file @returns {string} */
export const called = (file) => file.title || file.filename;

/**
 * @param {HTMLElement} root
 * @param {HTMLInputElement} search
 * @param {HTMLSelectElement} filter of shows
 * @param {import('./library-client.js').LibraryClient} client
 * @param {Asked} asked
 * @param {ReturnType<typeof import('./player/player.js').makePlayer>} player
 * @param {(id: string, options?: {edit?: boolean}) => void} open the panel
 */
export function filesSection(root, search, filter, client, asked, player, open) {
  /** @type {StoredFile[]} */
  let files = [];
  /** @type {string | null} */
  let next = null;
  let sort = '-uploaded_at';
  let loaded = false;
  let asking = 0;
  let shown = false;

  /** @param {boolean} more append the next page */
  async function load(more) {
    const mine = asking += 1;
    const query = { q: search.value.trim(), collection: filter.value, sort, limit: PAGE, cursor: more && next ? next : undefined };
    const answer = await asked(() => client.files(query), () => shown && load(more));
    if (!answer || mine !== asking) return;
    files = more ? [...files, ...answer.files] : answer.files;
    next = answer.next;
    loaded = true;
    draw();
  }

  /** Updates the row of a file. @param {StoredFile} file */
  function put(file) {
    files = files.map((one) => (one.id === file.id ? file : one));
    draw();
  }

  /** Offers the shows by which the list can be narrowed, if there are any. */
  async function offerShows() {
    const shows = await client.shows().catch(() => []);
    const chosen = filter.value;
    filter.replaceChildren(html`<option value="">${say('shows.every')}</option>${shows.map(({ slug, title }) => html`<option value="${slug}" ${slug === chosen ? 'selected' : ''}>${title}</option>`)}`);
    filter.hidden = shows.length === 0;
  }

  /** @param {keyof typeof COLUMNS} column */
  function heading(column) {
    const own = sort.replace('-', '') === column;
    const order = !own ? 'none' : sort.startsWith('-') ? 'descending' : 'ascending';
    return html`<th scope="col" class="col-${column}" aria-sort="${order}">
      <button type="button" data-sort="${column}">${say(`col.${column}`)}<span class="arrow" aria-hidden="true"></span></button></th>`;
  }

  /** @param {StoredFile} file */
  function line(file) {
    const name = called(file);
    const playing = player.playing(file.id);
    const beneath = [file.title ? file.filename : '', file.sender ?? '', file.email ?? '', file.link?.title ?? '', file.collection ?? ''].filter(Boolean).join(' · ');
    return html`<tr data-id="${file.id}" class="${player.current() === file.id ? 'current' : ''}">
      <td class="col-play"><button type="button" class="round" data-play="${file.id}"
        aria-label="${say(playing ? 'play.pause' : 'play.play', { name })}">${icon(playing ? 'pause' : 'play')}</button></td>
      <th scope="row" class="col-title"><span class="title">${name}</span>
        ${beneath ? html`<span class="beneath">${beneath}</span>` : ''}</th>
      <td class="col-artist">${file.artist ?? ''}</td>
      <td class="col-duration">${clock(file.duration)}</td>
      <td class="col-size">${bytes(file.size, language())}</td>
      <td class="col-uploaded_at"><time datetime="${file.uploaded_at}" title="${exactly(file.uploaded_at, language())}">${
        moment(file.uploaded_at, language())}</time></td>
      <td class="col-download"><button type="button" class="quiet" data-edit="${file.id}"
        aria-label="${say('do.named', { action: say('edit.heading'), name: file.filename })}">${icon('pen')}</button><a class="quiet" href="${client.content(file.id)}" download
        aria-label="${say('do.named', { action: say('col.download'), name: file.filename })}">${icon('down')}</a></td>
    </tr>`;
  }

  function draw() {
    if (!loaded) return root.replaceChildren(html`<p class="empty">${say('admin.loading')}</p>`);
    if (files.length === 0) {
      const q = search.value.trim();
      return root.replaceChildren(html`<p class="empty">${q ? say('admin.none_found', { q }) : say('admin.no_files')}</p>`);
    }
    const columns = /** @type {(keyof typeof COLUMNS)[]} */ (Object.keys(COLUMNS));
    const focused = document.activeElement instanceof HTMLElement && root.contains(document.activeElement)
      ? document.activeElement.dataset : null;
    root.replaceChildren(html`<table class="library-table">
      <thead><tr><td class="col-play"><span class="spoken">${say('col.play')}</span></td>${columns.map(heading)}
        <td class="col-download"><span class="spoken">${say('col.download')}</span></td></tr></thead>
      <tbody>${files.map(line)}</tbody></table>
      ${next ? html`<p class="further"><button type="button" data-more="yes">${say('admin.more')}</button></p>` : ''}`);
    for (const [name, value] of Object.entries(focused ?? {})) {
      /** @type {HTMLElement | null} */ (root.querySelector(`[data-${name}="${value}"]`))?.focus();
    }
  }

  root.addEventListener('click', (event) => {
    const { sort: by, play, more, edit: change } = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset ?? {};
    const file = files.find((one) => one.id === play);
    if (file) player.toggle(file);
    if (change) open(change, { edit: true });
    const target = /** @type {HTMLElement} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest('button, a') ? null : target.closest('tr[data-id]'));
    if (row) open(row.dataset.id ?? '');
    if (more) load(true);
    if (by) {
      const first = COLUMNS[/** @type {keyof typeof COLUMNS} */ (by)];
      const own = sort.replace('-', '') === by;
      sort = own ? (sort.startsWith('-') ? by : `-${by}`) : `${first}${by}`;
      draw();
      load(false);
    }
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  search.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => load(false), TYPING_MS);
  });
  filter.addEventListener('change', () => load(false));
  player.watch('changed', () => {
    for (const row of root.querySelectorAll('tr[data-id]')) {
      const file = files.find((one) => one.id === /** @type {HTMLElement} */ (row).dataset.id);
      const button = row.querySelector('[data-play]');
      if (!file || !button) continue;
      const playing = player.playing(file.id);
      row.classList.toggle('current', player.current() === file.id);
      button.setAttribute('aria-label', say(playing ? 'play.pause' : 'play.play', { name: called(file) }));
      button.replaceChildren(icon(playing ? 'pause' : 'play'));
    }
  });
  player.order = (id, step) => {
    const at = files.findIndex((one) => one.id === id);
    return at < 0 ? null : files[at + step];
  };
  return {
    put,
    ids: () => files.map(({ id }) => id),
    show() { shown = true; draw(); load(false); offerShows(); },
    hide() { shown = false; },
    draw() {
      const [every] = filter.options;
      if (every) every.textContent = say('shows.every');
      draw();
    },
  };
}

