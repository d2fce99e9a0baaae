/**
 * What narrows the list of files: one chip each, which says what it is set to and can be taken off.
 *
 * @typedef {import('../address.js').Filters} Filters
 */
import { html, only, ref } from '../../html.js';
import { icon } from '../../icons.js';
import { language, say } from '../../words.js';
import { dayOf } from '../address.js';
import { patch } from './patch.js';
import { openMenu, openPopover } from './popover.js';

/** Chips with the filters that they set. @type {Record<string, string[]>} */
const CHIPS = { sender: ['sender'], collection: ['collection'], date: ['from', 'to'], grade: ['grade'], warnings: ['warnings'], taken: ['place'] };
/** Those that are on or off. @type {Record<string, Filters>} */
const SWITCHES = { warnings: { warnings: '1' }, taken: { place: 'taken' } };
const GRADES = ['proven', 'complete', 'structural'];
/** Orders by the names of their texts, for lists without headings. @type {Record<string, string>} */
const SORTS = { newest: '-uploaded_at', oldest: 'uploaded_at', title: 'title', artist: 'artist', longest: '-duration', largest: '-size' };
/** Days before today with which a span begins. @type {Record<string, number>} */
const SPANS = { today: 0, week: 6, month: 29 };
/** Names that are offered. */
const MOST_NAMES = 8;
const TYPING_MS = 150;

/** @param {number} days before today */
const daysAgo = (days) => {
  const today = new Date();
  return dayOf(new Date(today.getFullYear(), today.getMonth(), today.getDate() - days));
};

/** @param {string} day */
const dayWords = (day) => new Intl.DateTimeFormat(language(), { dateStyle: 'medium' }).format(new Date(`${day}T12:00`));

/** @param {Filters} filters @returns {string} name of a span of SPANS that they are; "" if none */
const spanOf = ({ from, to }) => (to ? '' : Object.keys(SPANS).find((name) => daysAgo(SPANS[name]) === from) ?? '');

/** @param {Filters} filters @returns {string} */
function dateWords({ from = '', to = '' }) {
  const span = spanOf({ from, to });
  if (span) return say(`span.${span}`);
  if (from === to) return dayWords(from);
  return say(from && to ? 'span.between' : from ? 'span.from' : 'span.to', { from: from && dayWords(from), to: to && dayWords(to) });
}

/**
 * @param {HTMLElement} root
 * @param {import('../library-client.js').LibraryClient} client
 * @param {(filters: Filters) => void} change goes to the list with these filters
 */
export function makeChips(root, client, change) {
  /** @type {Filters} */
  let filters = {};
  /** @type {{slug: string, title: string}[]} */
  let shows = [];

  /** @param {string} chip */
  const isSet = (chip) => CHIPS[chip].some((name) => filters[name]);
  /** @param {Filters} more values; "" takes a filter off */
  const set = (more) => change({ ...filters, ...more });
  /** @param {string} chip */
  const unset = (chip) => set(Object.fromEntries(CHIPS[chip].map((name) => [name, ''])));

  /** @type {Record<string, () => string>} */
  const values = {
    sender: () => filters.sender,
    collection: () => shows.find(({ slug }) => slug === filters.collection)?.title ?? filters.collection,
    date: () => dateWords(filters),
    grade: () => say(`grade.${filters.grade}`),
    warnings: () => say('chip.warnings'),
    taken: () => say('chip.taken'),
  };

  /** @param {string} chip */
  function markup(chip) {
    const on = isSet(chip);
    const words = on ? values[chip]() : say(`chip.${chip}`);
    const isSwitch = chip in SWITCHES;
    return html`<span class="chip" data-set="${on ? 'yes' : 'no'}" data-chip="${chip}">
      <button type="button" data-open="${chip}" ${isSwitch ? `aria-pressed=${on}` : 'aria-haspopup=true'}>${on && !isSwitch ? html`<span class="spoken">${say(`chip.${chip}`)}: </span>` : html`<span></span>`}<span>${words}</span></button>
      <button type="button" data-unset="${chip}" aria-label="${say('chip.off', { name: words })}" ${on ? '' : 'hidden'}>${icon('cross')}</button></span>`;
  }

  function draw() {
    const some = Object.keys(CHIPS).filter(isSet).length > 0;
    const sort = Object.keys(SORTS).find((name) => SORTS[name] === filters.sort) ?? 'newest';
    patch(root, only(html`<div class="chips" data-ref="chips" role="group" aria-label="${say('chip.all')}">${Object.keys(CHIPS)
      .filter((chip) => chip !== 'collection' || shows.length || isSet(chip)).map(markup)}
      <span class="chip sorts" data-set="no"><button type="button" data-open="sort" aria-haspopup="true">${icon('sort')}<span>${say(`sort.${sort}`)}</span></button></span>
      <button type="button" class="quiet" data-clear="yes" ${some ? '' : 'hidden'}>${say('chip.clear')}</button></div>`));
  }

  /** @param {HTMLElement} anchor */
  function chooseDate(anchor) {
    const span = spanOf(filters);
    const box = openPopover(anchor, html`<form class="pop-form">
      <div class="pop-list">${Object.keys(SPANS).map((name) => html`<button type="button" data-span="${name}" aria-pressed="${name === span ? 'true' : 'false'}">${say(`span.${name}`)}</button>`)}</div>
      <label class="field"><span>${say('span.first')}</span><input type="date" name="from" value="${filters.from ?? ''}"></label>
      <label class="field"><span>${say('span.last')}</span><input type="date" name="to" value="${filters.to ?? ''}"></label>
      <button type="submit" class="main">${say('chip.apply')}</button></form>`, { role: 'dialog', 'aria-label': say('chip.date') });
    box.addEventListener('click', (event) => {
      const { span: name } = /** @type {HTMLElement} */ (event.target).dataset;
      if (!name) return;
      box.hidePopover();
      set({ from: daysAgo(SPANS[name]), to: '' });
    });
    box.addEventListener('submit', (event) => {
      event.preventDefault();
      const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
      box.hidePopover();
      set({ from: String(data.get('from')), to: String(data.get('to')) });
    });
  }

  /** @param {HTMLElement} anchor */
  function chooseSender(anchor) {
    const box = openPopover(anchor, html`<form class="pop-form"><label class="field"><span>${say('sender.name')}</span>
      <input name="sender" value="${filters.sender ?? ''}" autocomplete="off" spellcheck="false"></label>
      <div class="pop-list" data-ref="names"></div></form>`, { role: 'dialog', 'aria-label': say('chip.sender') });
    const input = /** @type {HTMLInputElement} */ (box.querySelector('input'));
    const offer = async () => {
      const typed = input.value === filters.sender ? '' : input.value;
      const found = await client.senders(typed.trim()).catch(() => []);
      if (!box.isConnected || (input.value === filters.sender ? '' : input.value) !== typed) return;
      const names = found.filter((name) => name !== filters.sender).slice(0, MOST_NAMES);
      ref(box, 'names').replaceChildren(html`${names.map((name) => html`<button type="button" data-name="${name}">${name}</button>`)}`);
    };
    const choose = (/** @type {string} */ sender) => {
      box.hidePopover();
      set({ sender });
    };
    input.select();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    input.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(offer, TYPING_MS);
    });
    box.addEventListener('click', (event) => {
      const { name } = /** @type {HTMLElement} */ (event.target).dataset;
      if (name) choose(name);
    });
    box.addEventListener('submit', (event) => {
      event.preventDefault();
      choose(input.value.trim());
    });
    offer();
  }

  /** @param {string} chip @param {string} filter @param {[string, string][]} options values and words @param {HTMLElement} anchor */
  const choose = (chip, filter, options, anchor) => openMenu(anchor, say(`chip.${chip}`), options.map(([value, words]) => ({
    value, words, checked: filters[filter] === value })), (value) => set({ [filter]: value }));

  /** @type {Record<string, (anchor: HTMLElement) => void>} */
  const opens = {
    sender: chooseSender,
    date: chooseDate,
    collection: (anchor) => choose('collection', 'collection', shows.map(({ slug, title }) => [slug, title]), anchor),
    grade: (anchor) => choose('grade', 'grade', GRADES.map((grade) => [grade, say(`grade.${grade}`)]), anchor),
    sort: (anchor) => choose('sort', 'sort', Object.entries(SORTS).map(([name, sort]) => [sort, say(`sort.${name}`)]), anchor),
    warnings: () => (isSet('warnings') ? unset('warnings') : set(SWITCHES.warnings)),
    taken: () => (isSet('taken') ? unset('taken') : set(SWITCHES.taken)),
  };

  root.addEventListener('click', (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest('button');
    const { open, unset: off, clear } = button?.dataset ?? {};
    if (button && open) opens[open](button);
    if (off) {
      unset(off);
      /** @type {HTMLElement | null} */ (root.querySelector(`[data-open="${off}"]`))?.focus();
    }
    if (clear) {
      change({ q: filters.q ?? '', sort: filters.sort ?? '' });
      root.querySelector('button')?.focus();
    }
  });
  return {
    /** @param {Filters} now */
    draw(now = filters) {
      filters = now;
      draw();
    },
    async offerShows() {
      shows = await client.shows().catch(() => []);
      draw();
    },
  };
}
