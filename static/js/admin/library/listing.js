/**
 * What of the library is listed: page after page, the total, and new files as they come. No DOM of its own: rows are put
 * into a list.
 *
 * @typedef {import('../files.js').StoredFile} StoredFile
 * @typedef {import('../address.js').Filters} Filters
 */
import { queryOf, sameFilters } from '../address.js';

const PAGE = '100';
/** Who scrolls gets as many at once as the server gives. */
const FURTHER_PAGE = '200';
/** What was asked for in advance may be out of date after this. */
const AHEAD_MS = 10_000;
export const NEWEST = '-uploaded_at';
/** Newest files that are asked for; if all are new, there may be more of them that are not listed yet. */
export const POLL_ROWS = 30;
const EVERY_MS = 5000;

/** @typedef {Awaited<ReturnType<import('../library-client.js').LibraryClient['files']>>} Page */

/** @param {Filters} filters @returns {string} */
export const sortOf = ({ sort = NEWEST }) => sort;

/**
 * @param {import('../library-client.js').LibraryClient} client
 * @param {import('../files.js').Asked} asked
 * @param {ReturnType<typeof import('./file-list.js').makeFileList>} list
 * @param {object} plan
 * @param {Set<string>} plan.away ids of files that must not be listed, whatever an answer from before says
 * @param {() => boolean} plan.isAtTop whether new files may push the others down
 * @param {() => void} plan.replaced called when other rows have taken the place of all
 * @param {() => void} plan.changed
 */
export function makeListing(client, asked, list, { away, isAtTop, replaced, changed }) {
  /** @type {Filters} */
  let filters = {};
  /** The filters of the rows that are shown. @type {Filters | null} */
  let listed = null;
  /** @type {string | null} */
  let next = null;
  let shown = false;
  /** The rows that are shown are asked for again when they are shown next. */
  let outdated = false;
  let asking = 0;
  let appending = false;
  /** The page after the last one, asked for while that one was drawn: who has scrolled once will do so again. @type {{cursor: string, at: number, answer: Promise<Page | null>} | null} */
  let ahead = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const isCurrent = () => listed !== null && sameFilters(listed, filters);
  const page = (/** @type {Record<string, string>} */ more) => client.files({ ...queryOf(filters), sort: sortOf(filters), ...more });
  const wanted = (/** @type {StoredFile[]} */ files) => files.filter(({ id }) => !away.has(id));

  const listing = {
    /** @type {import('../library-client.js').Total | null} */
    total: null,
    /** Files that came while the reader was elsewhere in the list. @type {StoredFile[]} */
    fresh: [],
    state: /** @type {'asking' | 'failed' | 'shown'} */ ('asking'),
    get filters() { return filters; },
    /** Whether the rows are those that were asked for. */
    get isCurrent() { return isCurrent(); },
    get hasRows() { return listed !== null; },
    get hasMore() { return next !== null; },

    /** @param {Filters} now */
    show(now) {
      const before = shown;
      shown = true;
      filters = now;
      if (!isCurrent() || outdated) listing.load();
      else if (!before) poll();
    },

    hide() {
      shown = false;
      asking += 1;
      listing.state = isCurrent() ? 'shown' : 'asking';
      clearTimeout(timer);
    },

    /** A file has come back that belongs among the rows. */
    expire() { outdated = true; },

    /** Asks for the first page. */
    async load() {
      const mine = asking += 1;
      // After a failure the list says so until there is a response.
      if (listing.state !== 'failed') listing.state = 'asking';
      changed();
      const answer = await asked(() => page({ limit: PAGE, total: '1' }), () => shown && mine === asking && listing.load());
      if (mine !== asking) return;
      listing.state = answer ? 'shown' : 'failed';
      if (answer) {
        list.clear();
        list.append(wanted(answer.files));
        [listed, next, listing.total, listing.fresh] = [filters, answer.next, answer.total ?? null, []];
        outdated = false;
        replaced();
        watch();
      }
      changed();
    },

    /** Asks for the next page. */
    async more() {
      if (!next || appending || !isCurrent()) return;
      appending = true;
      const [mine, cursor] = [asking, next];
      const answer = await comes(cursor) ?? await asked(() => page({ limit: FURTHER_PAGE, cursor }), () => shown && listing.more());
      if (answer && mine === asking) {
        next = answer.next;
        if (next) ahead = { cursor: next, at: performance.now(), answer: page({ limit: FURTHER_PAGE, cursor: next }).catch(() => null) };
        list.append(wanted(answer.files));
      }
      appending = false;
      if (answer) changed();
    },

    /** Puts the files that came above the others. */
    takeFresh() {
      if (listing.fresh.length >= POLL_ROWS) listing.load();
      else list.prepend(listing.fresh);
      listing.fresh = [];
      changed();
    },
  };

  /** @param {string} cursor @returns {Promise<Page | null>} the page from there on if it was asked for in advance */
  async function comes(cursor) {
    const coming = ahead;
    ahead = null;
    return coming?.cursor === cursor && performance.now() < coming.at + AHEAD_MS ? coming.answer : null;
  }

  /** Looks for new files every few seconds, while the newest are first. */
  function watch() {
    clearTimeout(timer);
    if (shown) timer = setTimeout(poll, EVERY_MS);
  }

  async function poll() {
    if (document.visibilityState === 'visible' && isCurrent() && sortOf(filters) === NEWEST) {
      const mine = asking;
      const answer = await asked(() => page({ limit: String(POLL_ROWS), total: '1' }), () => shown && mine === asking && poll());
      if (!answer || mine !== asking) return;
      merge(answer.files);
      listing.total = answer.total ?? listing.total;
      changed();
    }
    watch();
  }

  /** @param {StoredFile[]} newest */
  function merge(newest) {
    for (const file of newest) list.put(file);
    const ids = list.ids();
    const current = new Set(newest.map(({ id }) => id));
    // Files that are listed above the last of these, and are not among them, are not in the list any more.
    const last = newest.length < POLL_ROWS ? ids.length : ids.indexOf(newest[newest.length - 1].id) + 1;
    for (const id of ids.slice(0, last)) if (!current.has(id)) list.remove(id);
    listing.fresh = [];
    let above = '';
    for (const file of wanted(newest)) {
      // Below a file that is listed, somebody has restored it.
      if (above && !list.file(file.id)) list.insert(file, above);
      if (list.file(file.id)) above = file.id;
      else listing.fresh.push(file);
    }
    if (listing.fresh.length && isAtTop()) listing.takeFresh();
  }

  document.addEventListener('visibilitychange', () => shown && poll());
  return listing;
}
