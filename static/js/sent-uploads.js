/**
 * "Sent from this browser": one line per ended upload, with its receipt. Loaded when the page is usable; the list is
 * requested when it is opened, so that a slow link is free for sending.
 *
 * @typedef {import('./client.js').Upload} Upload
 */
import { whyGone } from './client.js';
import { copyText } from './copy.js';
import { reason } from './describe.js';
import { bytes, clock, exactly, moment, nameParts } from './format.js';
import { sentUploads, verdictOf } from './history.js';
import { html, only, ref, setText } from './html.js';
import { icon } from './icons.js';
import { receipt, receiptName } from './receipt.js';
import { language, say } from './words.js';

const SIGNS = /** @type {const} */ ({ ready: 'check', remarks: 'check', rejected: 'stop', gone: 'stop' });

/** @param {Upload} upload @returns {string} */
function verdictWords(upload) {
  const verdict = verdictOf(upload);
  const problem = verdict === 'gone' ? whyGone(upload) : upload.problem;
  return verdict === 'ready' || verdict === 'remarks' ? say(`sent.${verdict}`) : say(`state.${verdict}`, { reason: reason(problem) });
}

/** @param {string} name @param {string} text */
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  const link = document.createElement('a');
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {Upload} upload @param {string} base of the page @returns {HTMLElement} */
function line(upload, base) {
  const lang = language();
  const verdict = verdictOf(upload);
  const name = upload.filename.normalize('NFC');
  const [head, tail] = nameParts(name);
  const facts = [typeof upload.duration === 'number' ? clock(upload.duration) : '', bytes(upload.length, lang)].filter(Boolean).join(' · ');
  const element = only(html`<li class="sent-line" data-state="${verdict === 'remarks' ? 'ready' : verdict}">
    <span class="sign">${icon(SIGNS[verdict])}</span>
    <div class="what">
      <p class="name" title="${name}"><span class="spoken">${name}</span><span class="name-head" aria-hidden="true">${head}</span><span class="name-tail" aria-hidden="true">${tail}</span></p>
      <p class="status">${verdictWords(upload)}</p>
    </div>
    <p class="sent-facts"><time datetime="${upload.updated_at}" title="${exactly(upload.updated_at, lang)}">${moment(upload.updated_at, lang)}</time> <span>${facts}</span></p>
    <button type="button" class="quiet" data-ref="show" aria-expanded="false" aria-label="${say('do.named', { action: say('receipt.show'), name })}">${say('receipt.show')}</button>
    <div class="receipt" data-ref="receipt" hidden>
      <pre data-ref="text"></pre>
      <button type="button" class="quiet first" data-ref="copy">${say('receipt.copy')}</button>
      <button type="button" class="quiet" data-ref="save">${say('receipt.save')}</button>
    </div>
  </li>`);
  const [show, text, copyButton, opened] = ['show', 'text', 'copy', 'receipt'].map((part) => ref(element, part));
  text.textContent = receipt({ ...upload, filename: name }, verdictWords(upload), base);
  show.addEventListener('click', () => {
    opened.hidden = !opened.hidden;
    show.setAttribute('aria-expanded', String(!opened.hidden));
  });
  copyButton.addEventListener('click', () => copyText(text).then(() => setText(copyButton, say('receipt.copied'))));
  ref(element, 'save').addEventListener('click', () => save(receiptName(name), text.textContent ?? ''));
  return element;
}

/**
 * @param {import('./client.js').Client} client
 * @param {string} base of the page
 * @param {HTMLDetailsElement} place
 */
export function sentList(client, base, place) {
  const [last, list, more, failed] = ['sent-last', 'sent-list', 'sent-more', 'sent-failed'].map((name) => ref(place, name));
  /** @type {Upload[]} */
  let uploads = [];
  /** @type {Upload | undefined} */
  let newest;
  /** @type {string | null} */
  let next = null;
  let asking = false;

  function draw() {
    place.hidden = !newest;
    setText(last, newest ? say('sent.last', { time: moment(newest.updated_at, language()) }) : '');
    list.replaceChildren(...uploads.map((upload) => line(upload, base)));
    more.hidden = next === null;
  }

  /** @param {boolean} further the next page instead of the first */
  async function load(further) {
    if (asking) return;
    asking = true;
    try {
      const page = await sentUploads(client, further ? next : null);
      const known = further ? uploads : [];
      ({ next } = page);
      uploads = [...known, ...page.uploads];
      [newest] = uploads;
      draw();
      /** @type {HTMLElement | null | undefined} */
      const first = further ? list.children[known.length]?.querySelector('button') : null;
      first?.focus();
      failed.hidden = true;
    } catch {
      failed.hidden = false;
    }
    asking = false;
  }

  /** An upload has ended: reload the open list; otherwise one row tells whether there is a list. */
  async function refresh() {
    if (place.open) return load(false);
    const page = await sentUploads(client, null, '1').catch(() => null);
    if (!page || place.open) return undefined;
    [newest] = page.uploads;
    draw();
    return undefined;
  }

  place.addEventListener('toggle', () => { if (place.open) load(false); });
  more.addEventListener('click', () => load(true));
  refresh();
  return { draw, refresh };
}
