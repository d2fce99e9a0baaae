/**
 * The page of a guest link: its title and note, the deadline, what is left, and what it asks for. Its heading, its note
 * and its fields stand before the button that chooses files. Loaded on that page only.
 *
 * @typedef {object} Link
 * @property {string} title
 * @property {string} note
 * @property {Record<'name' | 'email' | 'title', 'no' | 'optional' | 'required'>} asks
 * @property {string | null} opens_at
 * @property {string | null} expires_at
 * @property {{files: number | null, bytes: number | null}} left
 * @property {number | null} file_bytes_max
 * @property {boolean} needs_passphrase
 * @property {'open' | 'early' | 'expired' | 'closed'} state
 */
import { Refusal } from '../client.js';
import { bytes, moment } from '../format.js';
import { html, only, ref, setText } from '../html.js';
import { language, say } from '../words.js';
import { passphraseForm } from './passphrase.js';
import './texts.js';

const EMAIL = 'media_service.email';
const AGAIN_MS = 5000;
/** Nothing is sent while somebody types: half a name or address would go with it. */
const TYPING_MS = 1500;
/** Many files may end at once: one request asks what is left of the link. */
const USED_MS = 1000;
/** The longest timeout that `setTimeout` can have: a later deadline is not waited for. */
const MOST_TIMEOUT_MS = 2 ** 31 - 1;
const ENDED = new Set(['link_ended', 'unknown_link', 'invalid_token']);

/**
 * @param {(name: string) => HTMLElement} part of the page
 * @param {import('../client.js').Client} client
 * @param {string} secret
 * @param {() => void} changed what the guest may do
 */
export function guestPage(part, client, secret, changed) {
  /** @type {Link | null} */
  let link = null;
  /** code of the refusal, once the link has ended */
  let over = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let using;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  const sender = /** @type {HTMLInputElement} */ (part('sender'));
  const greeting = only(html`<div class="greeting">
    <p class="lead note-of-link" data-ref="link-note" hidden></p>
    <p class="link-facts" data-ref="link-facts"></p>
    <p class="aside" role="status" data-ref="link-said" hidden></p>
    <div class="asked" data-ref="asked"></div>
  </div>`);

  /** @param {'name' | 'email' | 'title'} name @param {HTMLInputElement} input */
  const askedField = (name, input) => only(html`<label class="field" data-asked="${name}"><span><span data-words="guest.${name}">${say(`guest.${name}`)}</span>
    <span data-ref="must"></span></span>${input}${name === 'title' ? html`<small data-words="guest.title_hint">${say('guest.title_hint')}</small>` : ''}</label>`);

  /** @param {HTMLInputElement} field */
  function listen(field) {
    field.addEventListener('input', typed);
    field.addEventListener('change', settled);
  }

  /** @param {string} type @param {string} complete @returns {HTMLInputElement} */
  function input(type, complete) {
    const made = document.createElement('input');
    Object.assign(made, { type, autocomplete: complete, maxLength: 250 });
    listen(made);
    return made;
  }

  const email = input('email', 'email');
  const title = input('text', 'off');
  email.value = localStorage.getItem(EMAIL) ?? '';
  const fields = { name: sender, email, title };
  const names = /** @type {(keyof typeof fields)[]} */ (Object.keys(fields));

  function arrange() {
    const label = /** @type {HTMLElement} */ (sender.closest('label'));
    label.remove();
    for (const name of ['aria-labelledby', 'data-words-placeholder', 'placeholder']) sender.removeAttribute(name);
    ref(greeting, 'asked').append(...names.map((name) => askedField(name, fields[name])));
    part('asked-place').append(greeting);
    // "Saved" is shown in the field of the name.
    ref(greeting, 'asked').querySelector('[data-asked=name]')?.append(ref(label, 'sender-saved'));
    listen(sender);
    document.body.classList.add('guest-page');
    const heading = /** @type {HTMLElement} */ (document.querySelector('.hero h1'));
    heading.removeAttribute('data-words');
    heading.dataset.ref = 'link-title';
    // The markup for browsers without scripts has the title, also if the link has ended.
    heading.textContent = document.querySelector('main.plain h1')?.textContent ?? '';
  }

  function typed() {
    localStorage.setItem(EMAIL, email.value.trim());
    clearTimeout(typing);
    typing = setTimeout(settled, TYPING_MS);
    draw();
  }

  function settled() {
    clearTimeout(typing);
    typing = undefined;
    changed();
  }

  /** @param {keyof typeof fields} name @returns {boolean} whether it stands in the way of sending */
  function isMissing(name) {
    const ask = link?.asks[name] ?? 'no';
    if (ask === 'no') return false;
    const value = fields[name].value.trim();
    return value ? name === 'email' && !email.checkValidity() : ask === 'required';
  }

  const isFull = () => link?.left.files === 0 || link?.left.bytes === 0;
  const isOpen = () => !over && link?.state === 'open' && !link.needs_passphrase;

  /** @returns {string} why nothing is sent now; "" if it is */
  function said() {
    if (over) return [say(`guest.${over === 'link_ended' ? 'ended' : 'unknown'}`), say('guest.ask_new'), over === 'link_ended' ? say('guest.sent_stays') : ''].filter(Boolean).join(' ');
    if (!link) return '';
    if (link.state === 'early') return say('guest.early', { time: moment(link.opens_at ?? '', language()) });
    if (link.needs_passphrase) return '';
    if (isFull()) return say('guest.full');
    if (isMissing('email') && email.value.trim()) return say('guest.bad_email');
    return names.some(isMissing) ? say('guest.fill_in') : '';
  }

  /** @returns {string} what may still be sent, and until when */
  function facts() {
    if (!link || over || isFull()) return '';
    const lang = language();
    const { left: { files, bytes: much }, file_bytes_max: each, expires_at: end } = link;
    return [
      files === null ? '' : say('guest.left_files', { count: files }),
      much === null ? '' : say('guest.left_bytes', { amount: bytes(much, lang) }),
      each === null ? '' : say('guest.file_bytes', { amount: bytes(each, lang) }),
      end ? say('guest.until', { time: moment(end, lang) }) : say('guest.no_deadline'),
    ].filter(Boolean).join(' · ');
  }

  function draw() {
    setText(ref(greeting, 'link-facts'), facts());
    setText(ref(greeting, 'link-said'), said());
    ref(greeting, 'link-said').hidden = !said();
    ref(greeting, 'link-said').classList.toggle('fill-in', names.some(isMissing));
    /** @type {HTMLElement} */ (document.querySelector('.offer')).hidden = !isOpen();
    ref(greeting, 'asked').hidden = !isOpen() || !names.some((name) => link?.asks[name] !== 'no');
    for (const name of names) {
      const ask = link?.asks[name] ?? 'no';
      const label = /** @type {HTMLElement} */ (greeting.querySelector(`[data-asked=${name}]`));
      label.hidden = ask === 'no';
      fields[name].required = ask === 'required';
      setText(ref(label, 'must'), ask === 'no' ? '' : say(`guest.${ask}`));
    }
    if (link) {
      setText(part('link-title'), link.title);
      setText(ref(greeting, 'link-note'), link.note);
      ref(greeting, 'link-note').hidden = !link.note;
    }
    const known = greeting.querySelector('.passphrase');
    if (!over && link?.state === 'open' && link.needs_passphrase) {
      if (!known) ref(greeting, 'asked').before(passphraseForm((word) => client.enter(secret, word), look));
    } else known?.remove();
  }

  /** Looks again at the deadline, or when the link opens. */
  function lookLater() {
    clearTimeout(timer);
    const next = link?.state === 'early' ? link.opens_at : link?.expires_at;
    const wait = next ? Date.parse(next) - Date.now() + 1000 : Infinity;
    if (!over && wait < MOST_TIMEOUT_MS) timer = setTimeout(look, Math.max(1000, wait));
  }

  /** @returns {Promise<void>} when what the link says now is shown */
  async function look() {
    try {
      link = await client.link(secret);
      over = '';
    } catch (error) {
      if (error instanceof Refusal && ENDED.has(error.code)) over = error.code;
      else {
        clearTimeout(timer);
        timer = setTimeout(look, AGAIN_MS);
        return;
      }
    }
    draw();
    lookLater();
    changed();
  }

  arrange();
  return {
    look, draw,
    /** A file was sent, or its upload has ended: asks what is left. */
    used() {
      using ??= setTimeout(() => {
        using = undefined;
        look();
      }, USED_MS);
    },
    get isOver() { return over !== ''; },
    /** Focuses the first field that must be filled before chosen files are sent. */
    askMissing() {
      const missing = isOpen() && names.find(isMissing);
      if (missing) fields[missing].focus();
    },
    isReady: () => isOpen() && typing === undefined && !names.some(isMissing),
    details() {
      const given = (/** @type {keyof typeof fields} */ name) => (link?.asks[name] === 'no' ? '' : fields[name].value.trim());
      return { sender: given('name'), ...(given('email') && { email: given('email') }), ...(given('title') && { title: given('title') }) };
    },
  };
}
