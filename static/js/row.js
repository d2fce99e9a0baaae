/**
 * Row of an upload. It is created once; later only changes are drawn, so that the focus stays.
 *
 * @typedef {import('./entry.js').Entry} Entry
 *
 * @typedef {object} Wishes user actions of a row
 * @property {(action: string) => void} act
 * @property {() => void} choose
 * @property {(key: string) => boolean} isNext it is the next one in the queue
 * @property {() => import('./client.js').Limits | null} limits of the server, once known
 * @property {() => void} asNew
 * @property {(tags: import('./client.js').Tags) => void} tags
 * @property {(picture: File) => void} cover
 * @property {() => Promise<void>} share copies the link by which another browser can continue
 */
import { describe } from './describe.js';
import { detailsForm } from './details.js';
import { bytes, nameParts, shortName } from './format.js';
import { html, only, ref, setText } from './html.js';
import { icon } from './icons.js';
import { total } from './ranges.js';
import { actions, ENDS, isEditable } from './upload.js';
import { language, say } from './words.js';

const ICONS = /** @type {Record<string, any>} */ ({
  continue: 'play', first: 'top', repair: 'pen', accept: 'up', insist: 'up', pause: 'pause', resume: 'play', cancel: 'cross', try: 'again', choose: 'file', share: 'link', again: 'again',
  dismiss: 'cross', as_new: 'up', details: 'pen', sure: 'cross', keep: 'back',
});
/** Notes about a file that could be sent as a new upload. */
const OTHER_FILE = new Set(['length', 'content']);
const FIRST = new Set(['continue', 'choose', 'accept', 'resume', 'try']);

/** @param {string} action @param {string} name of the file @param {Record<string, string>} values @param {boolean} calls */
function button(action, name, values, calls) {
  const text = say(`do.${action}`, values);
  const whole = action === 'share' ? say('link.copy') : text;
  return only(html`<button type="button" class="quiet ${calls ? 'first' : ''}" data-action="${action}"
    aria-label="${say('do.named', { action: whole, name })}" title="${whole === text ? '' : whole}">${icon(ICONS[action])}<span>${text}</span></button>`);
}

/**
 * @param {Entry} entry
 * @param {Wishes} wishes
 */
export function makeRow(entry, wishes) {
  const { key, filename } = entry.upload;
  const [head, tail] = nameParts(filename);
  const element = only(html`<li class="row" id="row-${key}" data-key="${key}">
    <span class="sign" data-ref="sign"></span>
    <div class="what">
      <h3 class="name" title="${filename}"><span class="name-text">${filename}</span><span class="name-head" data-text="${head}" aria-hidden="true"></span><span
        class="name-tail" data-text="${tail}" aria-hidden="true"></span></h3>
      <p class="status" data-ref="status"></p>
      <p class="note" data-ref="note" hidden></p>
      <p class="advice" data-ref="advice" hidden></p>
      <p data-ref="repair" hidden>${button('repair', filename, {}, true)}</p>
      <p class="advice" data-ref="link" hidden><a href="admin" target="_blank" rel="noopener">${say('row.library')}</a></p>
    </div>
    <p class="numbers"><span class="amount" data-ref="amount"></span> <span class="pace" data-ref="pace"></span></p>
    <p class="percent" data-ref="percent"></p>
    <div class="actions" data-ref="actions"></div>
    <div class="more" data-ref="more" id="more-${key}" hidden></div>
    <div class="track" role="progressbar" aria-label="${say('row.progress', { name: filename })}" aria-valuemin="0"
      aria-valuemax="100" data-ref="track"><span class="sent" data-ref="sent"></span><span class="safe" data-ref="safe"></span></div>
  </li>`);
  const parts = Object.fromEntries(['sign', 'status', 'note', 'advice', 'repair', 'link', 'amount', 'pace', 'percent', 'actions', 'more', 'track', 'sent', 'safe']
    .map((name) => [name, ref(element, name)]));
  const details = detailsForm(key, entry.upload.tags, wishes.tags, filename, wishes.cover, wishes.share);
  parts.more.append(details.element);
  let shown = { actions: '', sign: '' };
  let sure = false;

  /** @param {Entry} now */
  function drawActions({ upload, stranger }) {
    const wanted = sure ? ['sure', 'keep'] : actions(upload);
    if (!sure && OTHER_FILE.has(upload.note?.code ?? '')) wanted.splice(1, 0, 'as_new');
    if (!upload.mine && upload.state === 'needs_file') wanted.push('dismiss');
    if (isEditable(upload, Date.now()) && !sure) wanted.unshift('details');
    if (wishes.isNext(upload.key)) wanted.splice(0, wanted.length, ...wanted.filter((action) => action !== 'first'));
    // Only one button is primary; if a click is enough, the picker is the secondary one.
    const call = wanted.find((action) => FIRST.has(action));
    const drawn = [...wanted, stranger?.name].join();
    if (drawn === shown.actions) return;
    shown.actions = drawn;
    const focused = parts.actions.contains(document.activeElement)
      ? /** @type {HTMLElement} */ (document.activeElement).dataset.action : null;
    const values = { sent: bytes(total(upload.received), language()), other: shortName(stranger?.name ?? '') };
    parts.actions.replaceChildren(...wanted.map((action) => button(action, filename, values, action === call)));
    const toggle = parts.actions.querySelector('[data-action="details"]');
    toggle?.setAttribute('aria-expanded', String(!parts.more.hidden));
    toggle?.setAttribute('aria-controls', parts.more.id);
    if (!focused) return;
    const same = parts.actions.querySelector(`[data-action="${focused}"]`);
    const next = same ?? parts.actions.querySelector(sure ? '[data-action="keep"]' : 'button:not([data-action="details"])');
    /** @type {HTMLElement | null} */ (next)?.focus();
  }

  /** @param {Entry} now */
  function update(now) {
    entry = now;
    const { upload } = now;
    const told = describe(upload, now.hints, wishes.limits(), Date.now());
    const closed = ENDS.has(upload.state) && !isEditable(upload, Date.now());
    if (ENDS.has(upload.state)) sure = false;
    if (closed) parts.more.hidden = true;
    element.dataset.state = upload.state;
    if (told.sign !== shown.sign) parts.sign.replaceChildren(icon(told.sign));
    shown.sign = told.sign;
    for (const name of /** @type {const} */ (['status', 'note', 'advice', 'amount', 'pace', 'percent'])) setText(parts[name], told[name]);
    parts.note.hidden = !told.note;
    parts.advice.hidden = !told.advice;
    parts.repair.hidden = !told.repair;
    parts.link.hidden = upload.state !== 'duplicate';
    if (closed) details.end();
    parts.safe.style.transform = `scaleX(${told.safe})`;
    parts.sent.style.transform = `scaleX(${told.sent})`;
    parts.track.setAttribute('aria-valuenow', String(Math.floor(told.sent * 100)));
    details.share(Boolean(upload.id) && !ENDS.has(upload.state));
    details.close(['elsewhere'].includes(upload.state) || now.saved.late);
    drawActions(now);
  }

  parts.actions.addEventListener('click', (event) => {
    const action = /** @type {HTMLElement} */ (event.target).closest('button')?.dataset.action;
    if (!action) return;
    if (action === 'details') {
      parts.more.hidden = !parts.more.hidden;
      parts.actions.querySelector('[data-action="details"]')?.setAttribute('aria-expanded', String(!parts.more.hidden));
      if (!parts.more.hidden && entry.file) details.show(entry.file, entry.hints);
      if (!parts.more.hidden) parts.more.querySelector('input')?.focus();
    } else if (action === 'choose') wishes.choose();
    else if (action === 'share') wishes.share().then(() => setText(/** @type {Element} */ (parts.actions.querySelector('[data-action="share"] span')), say('link.copied')));
    else if (action === 'as_new') wishes.asNew();
    else if (action === 'keep' || (action === 'cancel' && total(entry.upload.received) > 0)) {
      sure = action === 'cancel';
      update(entry);
    } else {
      sure = false;
      wishes.act(action === 'sure' ? 'cancel' : action);
    }
  });
  parts.repair.addEventListener('click', () => {
    wishes.act('repair');
    details.fill(entry.upload.tags);
  });
  update(entry);
  return { element, update, details };
}
