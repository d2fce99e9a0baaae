/**
 * Finished files: search, chips, rows that are appended, new files by themselves.
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
 * @property {'ok' | 'warn' | null} [verdict]
 * @property {'spool' | 'trash' | 'taken' | 'purged'} [place]
 * @property {{at: string, by: {id: string, name: string} | null, reason: string | null, purge_at: string | null} | null} [trash]
 * @property {string | null} [removed_at] when it was found to be taken away
 *
 * @typedef {<T>(step: () => Promise<T>, again: () => void) => Promise<T | null>} Asked
 *
 * @typedef {object} Around what a section of the library uses
 * @property {import('./library-client.js').LibraryClient} client
 * @property {Asked} asked
 * @property {ReturnType<typeof import('./player/player.js').makePlayer>} player
 * @property {import('./selection.js').Selection} selection
 * @property {import('./library/toast.js').Toast} toast
 * @property {import('./library/trashing.js').Trashing} trashing
 * @property {(address: Partial<import('./address.js').Address>, replace?: boolean) => void} go
 * @property {(id: string, options?: {edit?: boolean}) => void} openPanel "" closes it
 * @property {(scope: string) => boolean} may
 */
import { html, ref, setText } from '../html.js';
import { language, say } from '../words.js';
import { makeChips } from './library/chips.js';
import { makeFileList, makeFurther } from './library/file-list.js';
import { COLUMNS, called, showPlaying } from './library/file-rows.js';
import { makeListing, POLL_ROWS, sortOf } from './library/listing.js';
import { openMenu } from './library/popover.js';

const TYPING_MS = 200;
/** Pixels from the top within which new files may push the others down. */
const AT_TOP = 160;

const markup = () => html`<p class="tally" data-ref="tally"><span data-ref="total" role="status"></span>
    <button type="button" class="fresh" data-ref="fresh" hidden></button></p>
  <div class="list-frame" data-ref="frame">
    <p class="empty" data-ref="empty" hidden></p>
    <table class="library-table" role="table" data-ref="table" data-words-label="admin.files"><thead role="rowgroup"><tr role="row">
      <td role="cell" class="col-play"></td>
      ${Object.keys(COLUMNS).map((column) => html`<th role="columnheader" scope="col" class="col-${column}"><button type="button" data-sort="${column}"><span
        data-words="col.${column}">${say(`col.${column}`)}</span><span class="arrow" aria-hidden="true"></span></button></th>`)}
      <td role="cell" class="col-more"></td></tr></thead></table>
    <div data-ref="further"></div></div>`;

/**
 * @param {HTMLElement} root
 * @param {HTMLInputElement} search
 * @param {HTMLElement} chipsRoot
 * @param {Around} around
 */
export function filesSection(root, search, chipsRoot, { client, asked, player, selection, trashing, go, openPanel, may }) {
  root.replaceChildren(markup());
  const part = (/** @type {string} */ name) => ref(root, name);
  const list = makeFileList(/** @type {HTMLTableElement} */ (part('table')));
  const listing = makeListing(client, asked, list, {
    away: trashing.away, isAtTop: () => scrollY < AT_TOP, changed: drawState,
    replaced: () => { if (scrollY > part('frame').offsetTop) scrollTo({ top: 0 }); },
  });
  const further = makeFurther(part('further'), say('admin.more'), listing.more);
  const chips = makeChips(chipsRoot, client, narrow);
  /** Set while the reader types: what they typed is not in the address yet. @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  let shown = false;
  /** Files whose rows may have a mark. @type {Set<string>} */
  let marked = new Set();

  /** Takes the words of the search into the address, from which Back does not take them back one by one. */
  function take() {
    clearTimeout(typing);
    typing = undefined;
    go({ filters: { ...listing.filters, q: search.value.trim() } }, true);
  }

  /** @param {import('./address.js').Filters} filters all but the words of the search */
  function narrow(filters) {
    if (typing !== undefined) take();
    go({ filters: { ...filters, q: search.value.trim() } });
  }

  /** @returns {string} why there are no rows; "" if there are some */
  function emptiness() {
    const { q, sort: _, ...chosen } = listing.filters;
    // Rows of another search must not look like the result of this one.
    if (listing.state === 'failed' && !listing.isCurrent) return say('admin.no_answer');
    if (!listing.hasRows) return say('admin.loading');
    if (!listing.isCurrent || list.size || listing.hasMore) return '';
    return q ? say('admin.none_found', { q }) : say(Object.keys(chosen).length ? 'admin.none_left' : 'admin.no_files');
  }

  function drawState() {
    const [words, { total, fresh }] = [emptiness(), listing];
    part('frame').setAttribute('aria-busy', String(listing.state === 'asking'));
    part('empty').hidden = !words;
    setText(part('empty'), words);
    part('table').hidden = words !== '';
    const files = new Intl.NumberFormat(language()).format(total?.files ?? 0);
    setText(part('total'), words || !total ? '' : say(total.exact ? 'total.files' : 'total.more', { count: total.files, files }));
    part('fresh').hidden = fresh.length === 0;
    part('tally').classList.toggle('news', fresh.length > 0);
    setText(part('fresh'), say(fresh.length < POLL_ROWS ? 'fresh.files' : 'fresh.many', { count: fresh.length }));
    further.show(!words && listing.isCurrent && listing.hasMore);
    const sort = sortOf(listing.filters);
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-sort]'))) {
      const own = sort.replace('-', '') === button.dataset.sort;
      button.parentElement?.setAttribute('aria-sort', !own ? 'none' : sort.startsWith('-') ? 'descending' : 'ascending');
    }
    drawRows();
  }

  /** Marks the rows whose file is in the panel or in the player. Of thousands only these, and those that were, are touched. */
  function drawRows() {
    const now = [selection.id, player.current()].filter((id) => id !== null);
    const before = marked;
    // A row that is in the trash comes back with its marks.
    marked = new Set([...now, ...[...before].filter((id) => !list.row(id))]);
    for (const id of new Set([...now, ...before])) {
      const [file, row] = [list.file(id), list.row(id)];
      if (!file || !row) continue;
      row.classList.toggle('selected', id === selection.id);
      showPlaying(row, file, player.current() === id, player.playing(id));
    }
  }

  /** @param {StoredFile} file */
  function put(file) {
    list.put(file);
    drawRows();
  }

  /** @returns {StoredFile | undefined} the file on whose row the focus is, else the one in the panel */
  function here() {
    const row = /** @type {HTMLElement | null} */ (document.activeElement?.closest('tr[data-id]') ?? null);
    return list.file((row && root.contains(row) && row.dataset.id) || selection.id || '');
  }

  /** @param {string | undefined} id */
  function focusOn(id) {
    const row = id && list.row(id);
    if (!row) return false;
    row.scrollIntoView({ block: 'nearest' });
    ref(row, 'title').focus({ preventScroll: true });
    return true;
  }

  /** @param {1 | -1} by */
  function step(by) {
    const ids = list.ids();
    const at = ids.indexOf(here()?.id ?? '');
    const id = ids[at < 0 ? 0 : Math.max(0, at + by)];
    if (!focusOn(id)) return false;
    if (selection.id && id !== selection.id) openPanel(id);
    return true;
  }

  /** @param {StoredFile | undefined} file */
  function trash(file) {
    if (!file || !may('edit') || file.place === 'taken') return false;
    trashing.trash(file);
    return true;
  }

  trashing.take = (id) => {
    const ids = list.ids();
    const at = ids.indexOf(id);
    const beside = ids[at + 1] ?? ids[at - 1];
    const focused = at >= 0 && (here()?.id === id || document.activeElement === document.body);
    const back = list.remove(id);
    if (!back) return null;
    const count = (/** @type {number} */ by) => {
      if (listing.total?.exact) listing.total = { ...listing.total, files: listing.total.files + by };
      drawState();
    };
    count(-1);
    if (selection.id === id) openPanel(beside ?? '');
    if (focused && !focusOn(beside)) search.focus();
    return () => {
      back();
      count(1);
      focusOn(id);
    };
  };
  trashing.put = put;
  trashing.restored = listing.expire;

  /** @param {HTMLElement} anchor @param {StoredFile} file */
  function openRowMenu(anchor, file) {
    const there = file.place !== 'taken';
    /** @type {(import('./library/popover.js').Item | false)[]} */
    const items = [
      { value: 'open', words: say('do.open'), drawn: 'lens', key: '↵' },
      may('edit') && there && { value: 'edit', words: say('edit.heading'), drawn: 'pen', key: 'E' },
      there && { value: 'download', words: say('col.download'), drawn: 'down', href: client.content(file.id) },
      may('edit') && there && { value: 'trash', words: say('trash.do'), drawn: 'trash', key: 'Del' },
    ];
    openMenu(anchor, called(file), items.filter((item) => item !== false), (value) => {
      if (value === 'trash') trash(file);
      else openPanel(file.id, { edit: value === 'edit' });
    });
  }

  /** @param {string} column */
  function sortBy(column) {
    const [sort, first] = [sortOf(listing.filters), COLUMNS[/** @type {keyof typeof COLUMNS} */ (column)]];
    const other = sort.startsWith('-') ? column : `-${column}`;
    narrow({ ...listing.filters, sort: sort.replace('-', '') === column ? other : `${first}${column}` });
  }

  root.addEventListener('click', (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const control = /** @type {HTMLElement | null} */ (target.closest('button, a'));
    const row = /** @type {HTMLElement | null} */ (target.closest('tr[data-id]'));
    const file = list.file(row?.dataset.id ?? '');
    const { do: act = '', sort } = control?.dataset ?? {};
    if (sort) sortBy(sort);
    // With Ctrl and the like, the browser opens the link where the reader wants it.
    if (!file || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (act === 'play') player.toggle(file);
    if (act === 'menu' && control) openRowMenu(control, file);
    if (act === 'open' || (!control && !getSelection()?.toString())) {
      event.preventDefault();
      openPanel(file.id);
    }
  });
  part('fresh').addEventListener('click', () => {
    listing.takeFresh();
    scrollTo({ top: 0 });
    focusOn(list.ids()[0]);
  });
  search.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(take, TYPING_MS);
  });
  search.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' && focusOn(list.ids()[0])) event.preventDefault();
  });
  selection.follow(list.ids);
  player.order = (id, by) => {
    const ids = list.ids();
    const at = ids.indexOf(id);
    return at < 0 ? null : list.file(ids[at + by]);
  };
  selection.addEventListener('changed', drawRows);

  return {
    /** @param {import('./address.js').Address} address */
    show({ filters }) {
      if (typing === undefined && search.value.trim() !== (filters.q ?? '')) search.value = filters.q ?? '';
      chips.draw(filters);
      if (!shown) chips.offerShows();
      shown = true;
      listing.show(filters);
      drawState();
    },
    hide() {
      shown = false;
      listing.hide();
    },
    draw() {
      chips.draw();
      list.relabel();
      drawState();
    },
    played: drawRows,
    put,
    focusOn,
    /** What the keys do, by their names. */
    keys: {
      next: () => step(1),
      previous: () => step(-1),
      open: () => { const file = here(); return file ? openPanel(file.id) : false; },
      edit: () => { const file = here(); return file && may('edit') ? openPanel(file.id, { edit: true }) : false; },
      trash: () => trash(here()),
      play: () => { const file = here(); return file && file.place !== 'taken' ? player.toggle(file) : false; },
      search: () => { search.focus(); search.select(); },
    },
  };
}
