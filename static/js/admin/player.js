/**
 * The player below the library: one audio element with our own controls.
 *
 * @typedef {Pick<import('./files.js').StoredFile, 'id' | 'filename' | 'title' | 'artist' | 'duration'> & {source?: string}} StoredFile with the URL of its bytes, if it is no file of the library
 */
import { clock } from '../format.js';
import { html, ref, setText } from '../html.js';
import { icon } from '../icons.js';
import { say } from '../words.js';

const BACK_S = 15;
const ON_S = 30;
const RATES = ['0.5', '1', '1.25', '1.5', '2'];

/**
 * @param {HTMLElement} root
 * @param {import('./library-client.js').LibraryClient} client
 */
export function makePlayer(root, client) {
  const audio = new Audio();
  audio.preload = 'metadata';
  /** @type {StoredFile | null} */
  let file = null;
  let dragging = false;

  const duration = () => (Number.isFinite(audio.duration) ? audio.duration : file?.duration ?? 0);
  const name = () => (file ? file.title || file.filename : '');
  const part = (/** @type {string} */ key) => ref(root, key);

  function draw() {
    if (!file) return;
    root.replaceChildren(html`
      <button type="button" class="round main-round" data-ref="toggle"></button>
      <div class="now"><p class="title">${name()}</p><p class="beneath">${file.artist ?? ''}</p></div>
      <div class="seek">
        <span class="time" data-ref="at"></span>
        <input type="range" min="0" step="1" data-ref="seek" aria-label="${say('play.seek')}">
        <span class="time" data-ref="duration"></span>
      </div>
      <div class="skips">
        <button type="button" class="quiet" data-ref="back" aria-label="${say('play.back')}">−${BACK_S}</button>
        <button type="button" class="quiet" data-ref="on" aria-label="${say('play.on')}">+${ON_S}</button>
        <select data-ref="rate" aria-label="${say('play.rate')}">${RATES.map((rate) => html`<option value="${rate}">${rate}×</option>`)}</select>
        <button type="button" class="quiet" data-ref="close" aria-label="${say('play.close')}">${icon('cross')}</button>
      </div>
      <p class="note" role="alert" data-ref="failed"></p>`);
    part('toggle').addEventListener('click', () => file && player.toggle(file));
    part('back').addEventListener('click', () => seekTo(audio.currentTime - BACK_S));
    part('on').addEventListener('click', () => seekTo(audio.currentTime + ON_S));
    part('close').addEventListener('click', () => player.close());
    const seek = /** @type {HTMLInputElement} */ (part('seek'));
    seek.addEventListener('input', () => { dragging = true; drawTime(); });
    seek.addEventListener('change', () => { dragging = false; seekTo(Number(seek.value)); });
    const rate = /** @type {HTMLSelectElement} */ (part('rate'));
    rate.value = String(audio.playbackRate);
    rate.addEventListener('change', () => { audio.playbackRate = Number(rate.value); });
    drawTime();
    drawToggle();
  }

  /** @param {number} seconds */
  function seekTo(seconds) {
    audio.currentTime = Math.max(0, Math.min(seconds, duration()));
    drawTime();
  }

  function drawTime() {
    if (!file) return;
    const seek = /** @type {HTMLInputElement} */ (part('seek'));
    seek.max = String(Math.max(1, Math.floor(duration())));
    if (!dragging) seek.value = String(Math.floor(audio.currentTime));
    const at = Number(seek.value);
    seek.style.setProperty('--played', `${(100 * at) / Number(seek.max)}%`);
    seek.setAttribute('aria-valuetext', say('play.at', { at: clock(at), duration: clock(duration()) }));
    setText(part('at'), clock(at));
    setText(part('duration'), clock(duration()));
  }

  function drawToggle() {
    if (!file) return;
    part('toggle').replaceChildren(icon(audio.paused ? 'play' : 'pause'));
    part('toggle').setAttribute('aria-label', say(audio.paused ? 'play.play' : 'play.pause', { name: name() }));
    player.changed();
  }

  for (const event of ['timeupdate', 'durationchange', 'seeked']) audio.addEventListener(event, drawTime);
  for (const event of ['play', 'pause', 'ended']) audio.addEventListener(event, drawToggle);
  audio.addEventListener('error', () => { if (file) setText(part('failed'), say('play.failed')); });

  const player = {
    /** Set by the list that draws the play buttons. */
    changed() {},
    /** @param {StoredFile} wanted */
    toggle(wanted) {
      if (file?.id !== wanted.id) {
        file = wanted;
        audio.src = wanted.source ?? client.stream(wanted.id);
        root.hidden = false;
        document.body.classList.add('playing');
        draw();
      }
      // The error event reports a failed play.
      if (audio.paused) audio.play().catch(() => undefined);
      else audio.pause();
    },
    close() {
      if (!file) return;
      audio.pause();
      audio.removeAttribute('src');
      file = null;
      root.hidden = true;
      document.body.classList.remove('playing');
      player.changed();
    },
    /** @param {string} id */
    playing: (id) => file?.id === id && !audio.paused,
    /** @returns {string | null} */
    current: () => file?.id ?? null,
    relabel: draw,
  };
  return player;
}
