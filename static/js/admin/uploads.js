/**
 * All users' uploads: open and rejected ones.
 *
 * @typedef {import('../client.js').Upload} Upload
 * @typedef {import('./files.js').Asked} Asked
 */
import { reason } from '../describe.js';
import { bytes, exactly, left, moment, percent, timeLeft } from '../format.js';
import { html } from '../html.js';
import { icon } from '../icons.js';
import { total } from '../ranges.js';
import { Speed } from '../speed.js';
import { language, say } from '../words.js';

const EVERY_MS = 2000;
const STILL_MS = 60_000;
const PAGE = '100';

/** @param {string} time */
const when = (time) => html`<time datetime="${time}" title="${exactly(time, language())}">${moment(time, language())}</time>`;

/** @param {Upload} upload */
const from = (upload) => upload.sender || say('flight.nobody');

/**
 * @param {HTMLElement} root
 * @param {HTMLElement} count in the tab
 * @param {import('./library-client.js').LibraryClient} client
 * @param {Asked} asked
 */
export function flightSection(root, count, client, asked) {
  /** @type {Upload[] | null} */
  let uploads = null;
  /** @type {Map<string, {speed: Speed, safe: number, at: number}>} */
  const speeds = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let shown = false;

  async function load() {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') {
      const answer = await asked(() => client.list({ state: 'receiving,received,verified', scope: 'all', limit: PAGE }), load);
      if (!answer) return;
      uploads = answer.uploads;
      for (const upload of answer.uploads) {
        note(upload.id, total(upload.received));
      }
      draw();
    }
    if (shown) timer = setTimeout(load, EVERY_MS);
  }

  /** Bytes received since the last change count as one slice. @param {string} id @param {number} safe bytes */
  function note(id, safe) {
    const now = Date.now();
    const { speed, safe: before, at } = speeds.get(id) ?? { speed: new Speed(now), safe, at: now };
    if (safe > before) {
      speed.opened(0, safe - before, at);
      speed.recorded(0, now);
    }
    if (safe > before || !speeds.has(id)) speeds.set(id, { speed, safe, at: now });
  }

  /** @param {Upload} upload */
  function line(upload) {
    const lang = language();
    const safe = total(upload.received);
    const rate = speeds.get(upload.id)?.speed.rate(Date.now()) ?? null;
    const still = upload.state === 'receiving' && Date.now() - Date.parse(upload.updated_at) > STILL_MS;
    const rest = still ? null : timeLeft(rate, upload.length - safe);
    const words = rest === null ? null : left(rest);
    const status = upload.problem ? reason(upload.problem, upload.findings) : still ? say('flight.still', { time: moment(upload.updated_at, lang) }) : say(`flight.${upload.state}`);
    return html`<li class="row" data-state="${upload.problem ? 'rejected' : still ? 'paused' : upload.state === 'receiving' ? 'sending' : 'verifying'}">
      <span class="sign">${icon(upload.problem ? 'stop' : still ? 'pause' : upload.state === 'receiving' ? 'up' : 'lens')}</span>
      <div class="what"><p class="name" title="${upload.filename}"><span class="name-whole">${upload.filename}</span></p>
        <p class="status">${status} · ${from(upload)} · ${when(upload.created_at)}</p></div>
      <p class="numbers"><span class="amount">${say('row.amount', { sent: bytes(safe, lang), length: bytes(upload.length, lang) })}</span>
        <span class="pace">${[rate && !still ? say('row.speed', { amount: bytes(rate, lang) }) : '',
          words ? say(words.key, words.values) : ''].filter(Boolean).join(' · ')}</span></p>
      <p class="percent">${percent(upload.length ? safe / upload.length : 0, lang)}</p>
      <div class="track"><span class="safe" data-share="${safe / upload.length}"></span></div>
    </li>`;
  }

  function draw() {
    if (!uploads) return root.replaceChildren(html`<p class="empty">${say('admin.loading')}</p>`);
    count.textContent = uploads.length ? String(uploads.length) : '';
    if (uploads.length === 0) return root.replaceChildren(html`<p class="empty">${say('admin.no_flight')}</p>`);
    root.replaceChildren(html`<ul class="rows">${uploads.map(line)}</ul>`);
    for (const bar of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-share]'))) {
      bar.style.transform = `scaleX(${bar.dataset.share})`;
    }
  }

  document.addEventListener('visibilitychange', () => shown && load());
  return {
    show() { shown = true; draw(); load(); },
    hide() { shown = false; clearTimeout(timer); },
    draw,
  };
}

/**
 * @param {HTMLElement} root
 * @param {import('./library-client.js').LibraryClient} client
 * @param {Asked} asked
 */
export function rejectedSection(root, client, asked) {
  /** @type {Upload[]} */
  let uploads = [];
  /** @type {string | null} */
  let next = null;
  let loaded = false;
  let shown = false;

  /** @param {boolean} more */
  async function load(more) {
    const query = { state: 'rejected', scope: 'all', limit: PAGE, cursor: more && next ? next : undefined };
    const answer = await asked(() => client.list(query), () => shown && load(more));
    if (!answer) return;
    uploads = more ? [...uploads, ...answer.uploads] : answer.uploads;
    next = answer.next;
    loaded = true;
    draw();
  }

  /** @param {Upload} upload */
  const line = (upload) => html`<li class="row" data-state="rejected">
    <span class="sign">${icon('stop')}</span>
    <div class="what"><p class="name" title="${upload.filename}"><span class="name-whole">${upload.filename}</span></p>
      <p class="status">${reason(upload.problem, upload.findings)}</p></div>
    <p class="numbers"><span class="amount">${bytes(upload.length, language())}</span>
      <span class="pace">${from(upload)} · ${when(upload.updated_at)}</span></p>
    <div class="track"></div>
  </li>`;

  function draw() {
    if (!loaded) return root.replaceChildren(html`<p class="empty">${say('admin.loading')}</p>`);
    if (uploads.length === 0) return root.replaceChildren(html`<p class="empty">${say('admin.no_rejected')}</p>`);
    root.replaceChildren(html`<ul class="rows">${uploads.map(line)}</ul>
      ${next ? html`<p class="further"><button type="button" data-more="yes">${say('admin.more')}</button></p>` : ''}`);
  }

  root.addEventListener('click', (event) => {
    if (/** @type {HTMLElement} */ (event.target).closest('[data-more]')) load(true);
  });
  return {
    show() { shown = true; draw(); load(false); },
    hide() { shown = false; },
    draw,
  };
}
