/**
 * The player below the library: what is heard, and the controls for it.
 *
 * @typedef {import('./playback.js').Playable} Playable
 */
import { Refusal } from '../../client.js';
import { clock } from '../../format.js';
import { html, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { say } from '../../words.js';
import { useMediaSession } from './media-session.js';
import { Playback } from './playback.js';

const STEP_S = 5;
const FAR_S = 15;
const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];
/** How long it is said that a file goes on where the reader stopped. */
const RESUMED_MS = 10_000;

/** Pictures that "previous" and "next" draw. */
const SKIPS = { previous: 'M14.5 4.5v11L6.5 10zM5 4.5v11', next: 'M5.5 4.5v11l8-5.5zM15 4.5v11' };

/** @param {keyof typeof SKIPS} name */
const skipButton = (name) => html`<button type="button" class="quiet" data-ref="${name}" aria-label="${say(`play.${name}`)}">
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="${SKIPS[name]}"/></svg></button>`;

/**
 * @param {HTMLElement} root
 * @param {import('../library-client.js').LibraryClient} client
 * @param {import('../files.js').Asked} asked
 */
export function makePlayer(root, client, asked) {
  const playback = new Playback((file) => file.source ?? client.stream(file.id), why);
  let dragging = false;
  /** Seconds at which it goes on from an earlier visit; 0 once that was read. */
  let resumed = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const part = (/** @type {string} */ key) => ref(root, key);
  const name = () => playback.file?.title || playback.file?.filename || '';

  /** @param {string} url @returns {Promise<import('./playback.js').Failure>} */
  async function why(url) {
    // A session that has ended is renewed first.
    const found = await asked(() => client.probe(url).then(() => '', (error) => {
      if (!(error instanceof Refusal)) return 'unreachable';
      if (error.status === 401) throw error;
      return 'gone';
    }), () => undefined);
    return /** @type {import('./playback.js').Failure} */ (found ?? 'unreachable');
  }

  /** @param {1 | -1} step */
  function turn(step) {
    const file = playback.file && player.order(playback.file.id, step);
    if (file) start(file);
  }

  /** @param {Playable} file @param {number} [at] seconds */
  function start(file, at) {
    open(file, at);
    playback.play();
  }

  /** @param {Playable} file @param {number} [at] seconds */
  function open(file, at) {
    const other = playback.file?.id !== file.id;
    playback.open(file, at);
    resumed = at === undefined && other ? playback.at : 0;
    clearTimeout(timer);
    if (resumed) timer = setTimeout(() => { resumed = 0; drawState(); }, RESUMED_MS);
    root.hidden = false;
    document.body.classList.add('playing');
    draw();
  }

  function draw() {
    const { file } = playback;
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
        ${skipButton('previous')}
        <button type="button" class="quiet" data-ref="back" aria-label="${say('play.back')}">−${FAR_S}</button>
        <button type="button" class="quiet" data-ref="on" aria-label="${say('play.on')}">+${FAR_S}</button>
        ${skipButton('next')}
        <select data-ref="rate" aria-label="${say('play.rate')}">${RATES.map((rate) => html`<option value="${rate}">${rate}×</option>`)}</select>
      </div>
      <button type="button" class="quiet" data-ref="close" aria-label="${say('play.close')}">${icon('cross')}</button>
      <p class="word" role="status"><span data-ref="word"></span>
        <button type="button" class="quiet first" data-ref="again" hidden>${say('play.start_over')}</button></p>`);
    listen();
    drawTime();
    drawState();
  }

  function listen() {
    /** @type {Record<string, () => void>} */
    const acts = {
      toggle: () => player.toggle(/** @type {Playable} */ (playback.file)),
      back: () => player.skip(-FAR_S), on: () => player.skip(FAR_S), previous: () => turn(-1), next: () => turn(1), close: () => player.close(),
      again: () => { resumed = 0; playback.seek(0); drawState(); },
    };
    for (const [key, act] of Object.entries(acts)) part(key).addEventListener('click', act);
    const seek = /** @type {HTMLInputElement} */ (part('seek'));
    seek.addEventListener('input', () => { dragging = true; drawTime(); });
    seek.addEventListener('change', () => { dragging = false; playback.seek(Number(seek.value)); });
    seek.addEventListener('keydown', (event) => {
      const forth = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!forth) return;
      event.preventDefault();
      player.skip(forth * (event.shiftKey ? FAR_S : STEP_S));
    });
    const rate = /** @type {HTMLSelectElement} */ (part('rate'));
    rate.value = String(playback.rate);
    rate.addEventListener('change', () => { playback.rate = Number(rate.value); });
  }

  function drawTime() {
    if (!playback.file) return;
    const seek = /** @type {HTMLInputElement} */ (part('seek'));
    const { duration } = playback;
    seek.max = String(Math.max(1, Math.floor(duration)));
    if (!dragging) seek.value = String(Math.floor(playback.at));
    const at = Number(seek.value);
    seek.style.setProperty('--played', `${(100 * at) / Number(seek.max)}%`);
    seek.setAttribute('aria-valuetext', say('play.at', { at: clock(at), duration: clock(duration) }));
    setText(part('at'), clock(at));
    setText(part('duration'), clock(duration));
  }

  /** @returns {string} what is to be said of the playback; empty if it just plays */
  function word() {
    if (playback.failure === 'unreachable') return say(playback.isPlaying ? 'play.waiting' : 'play.stopped', { at: clock(playback.at) });
    if (playback.failure) return say(`play.${playback.failure}`);
    return resumed ? say('play.resumed', { at: clock(resumed) }) : '';
  }

  function drawState() {
    const { file } = playback;
    if (!file || root.hidden) return;
    part('toggle').replaceChildren(icon(playback.isPlaying ? 'pause' : 'play'));
    part('toggle').setAttribute('aria-label', say(playback.isPlaying ? 'play.pause' : 'play.play', { name: name() }));
    setText(part('word'), word());
    part('word').classList.toggle('bad', playback.failure !== '');
    part('again').hidden = !resumed || playback.failure !== '';
    const [previous, next] = [player.order(file.id, -1), player.order(file.id, 1)];
    for (const [key, there] of /** @type {[string, unknown][]} */ ([['previous', previous], ['next', next]])) {
      part(key).hidden = !previous && !next;
      /** @type {HTMLButtonElement} */ (part(key)).disabled = !there;
    }
  }

  // Other elements at the bottom of the window end above the player.
  new ResizeObserver(() => document.documentElement.style.setProperty('--player', `${root.offsetHeight}px`)).observe(root);
  playback.addEventListener('time', drawTime);
  playback.addEventListener('changed', () => { if (playback.file) drawState(); });

  const player = {
    /** Set by the list that is played. @type {(id: string, step: 1 | -1) => Playable | null | undefined} */
    order: () => null,
    /** @param {Playable} wanted */
    toggle(wanted) {
      if (playback.file?.id === wanted.id && playback.isPlaying) playback.pause();
      else start(wanted);
    },
    start, open,
    /** Pauses the current file, or goes on with it. @returns {false | void} false without one */
    toggleCurrent: () => playback.file !== null && player.toggle(playback.file),
    /** Moves from where it is. @param {number} seconds */
    skip: (seconds) => { if (playback.file) playback.seek(playback.at + seconds); },
    close() {
      playback.close();
      root.hidden = true;
      document.body.classList.remove('playing');
    },
    /** @param {string} id */
    playing: (id) => playback.file?.id === id && playback.isPlaying,
    /** @returns {string | null} */
    current: () => playback.file?.id ?? null,
    /** @returns {number} seconds, of the current file */
    at: () => playback.at,
    /** @param {'changed' | 'time'} what @param {() => void} act @returns {() => void} ends it */
    watch(what, act) {
      playback.addEventListener(what, act);
      return () => playback.removeEventListener(what, act);
    },
    /** @param {import('../keys.js').Keys} keys */
    useKeys(keys) {
      const during = (/** @type {() => void} */ act) => () => playback.file !== null && act();
      keys.on('back', during(() => player.skip(-STEP_S)));
      keys.on('on', during(() => player.skip(STEP_S)));
      keys.on('back_far', during(() => player.skip(-FAR_S)));
      keys.on('on_far', during(() => player.skip(FAR_S)));
      keys.on('slower', during(() => player.speed(-1)));
      keys.on('faster', during(() => player.speed(1)));
    },
    /** @param {1 | -1} step to the next speed */
    speed(step) {
      playback.rate = RATES[Math.max(0, Math.min(RATES.length - 1, RATES.indexOf(playback.rate) + step))];
      draw();
    },
    relabel: draw,
  };
  useMediaSession(playback, { previoustrack: () => turn(-1), nexttrack: () => turn(1) });
  return player;
}

/** @typedef {ReturnType<typeof makePlayer>} Player */
