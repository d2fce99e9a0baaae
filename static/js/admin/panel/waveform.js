/**
 * The waveform of a file: what plays, where its chapters begin, where it is silent or damaged. A click plays from there.
 *
 * @typedef {import('./draft.js').FullFile} FullFile
 */
import { clock } from '../../format.js';
import { html, only, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { say } from '../../words.js';

const BARS = 110;
/** Width of a bar, and of a bar with the gap after it, in units of the viewBox. */
const BAR = 2.2;
const UNIT = 4;
const HEIGHT = 100;
/** A recording whose highest peak is lower than this, in percent, is not enlarged any further: it is quiet. */
const LOWEST_TOP = 25;
const STEPS = /** @type {Record<string, number>} */ ({ ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5, PageUp: 60, PageDown: -60 });
const FAR = 3;

/** @param {number[]} peaks in percent @returns {number[]} heights of the bars, 0…1 */
export function barHeights(peaks) {
  const count = Math.min(BARS, peaks.length);
  if (count === 0) return Array(BARS).fill(0);
  const highest = Array.from({ length: count }, (_, k) => Math.max(
    ...peaks.slice(Math.floor((k * peaks.length) / count), Math.floor(((k + 1) * peaks.length) / count))));
  const top = Math.max(LOWEST_TOP, ...highest);
  return highest.map((peak) => Math.min(1, peak / top));
}

/** @param {number[]} heights @param {number} least height of a bar @returns {string} the path of an SVG picture */
const drawn = (heights, least) => heights.map((height, k) => {
  const tall = Math.max(least, height * HEIGHT);
  return `M${k * UNIT} ${((HEIGHT - tall) / 2).toFixed(1)}h${BAR}v${tall.toFixed(1)}h-${BAR}z`;
}).join('');

/** @param {HTMLElement} picture @param {string} kind @param {number} from 0…1 @param {number} [to] @param {string} [title] */
function mark(picture, kind, from, to, title = '') {
  const one = only(html`<span class="${kind}" title="${title}"></span>`);
  one.style.left = `${100 * from}%`;
  if (to !== undefined) one.style.width = `${100 * (to - from)}%`;
  picture.append(one);
}

/** @param {HTMLElement} picture @param {FullFile} file @param {number} duration */
function drawMarks(picture, file, duration) {
  for (const old of picture.querySelectorAll('span[title]')) old.remove();
  const { leading_silence: before, trailing_silence: after } = file.loudness ?? {};
  const share = (/** @type {number} */ seconds) => Math.min(1, seconds / duration);
  if (before) mark(picture, 'silent', 0, share(before), say('wave.silence'));
  if (after && before !== after) mark(picture, 'silent', 1 - share(after), 1, say('wave.silence'));
  for (const { start_seconds: start, stop_seconds: stop, severity } of file.findings) {
    if (typeof start === 'number' && severity !== 'info') mark(picture, 'damaged', share(start), share(Math.max(stop ?? start, start)), say('wave.damage'));
  }
  for (const { start, title } of file.chapters) mark(picture, 'chapter-mark', share(start), undefined, title);
}

/**
 * @param {FullFile} first
 * @param {import('../player/player.js').Player} player
 */
export function makeWaveform(first, player) {
  let file = first;
  const duration = Math.max(0.1, file.duration);
  const heights = barHeights(file.loudness?.peaks ?? []);
  const isFlat = heights.every((height) => height === 0);
  const path = drawn(heights, isFlat ? 20 : 3);
  const element = only(html`<div class="wave-player">
    <button type="button" class="round main-round" data-ref="wave-toggle"></button>
    <div class="waveform ${isFlat ? 'flat' : ''}" role="slider" tabindex="0" data-ref="waveform" aria-label="${say('play.seek')}" aria-valuemin="0" aria-valuemax="${Math.floor(duration)}">
      <svg viewBox="0 0 ${heights.length * UNIT - (UNIT - BAR)} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path d="${path}"/></svg>
      <svg class="played" viewBox="0 0 ${heights.length * UNIT - (UNIT - BAR)} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true" data-ref="played"><path d="${path}"/></svg>
      <div class="hover" data-ref="hover" hidden><b></b></div>
    </div>
    <p class="wave-times"><span data-ref="wave-at"></span><span class="chapter-now" data-ref="chapter-now"></span><span>${clock(duration)}</span></p>
  </div>`);
  const picture = ref(element, 'waveform');
  const hover = ref(element, 'hover');
  const isMine = () => player.current() === file.id;
  const at = () => (isMine() ? player.at() : 0);
  const chapterAt = (/** @type {number} */ seconds) => file.chapters.filter(({ start }) => start <= seconds).at(-1)?.title ?? '';

  function draw() {
    const now = at();
    const playing = player.playing(file.id);
    const chapter = chapterAt(now);
    ref(element, 'played').style.clipPath = `inset(0 ${100 - Math.min(100, (100 * now) / duration)}% 0 0)`;
    picture.setAttribute('aria-valuenow', String(Math.floor(now)));
    picture.setAttribute('aria-valuetext', [say('play.at', { at: clock(now), duration: clock(duration) }), chapter].filter(Boolean).join(', '));
    setText(ref(element, 'wave-at'), clock(Math.floor(now)));
    setText(ref(element, 'chapter-now'), isMine() ? chapter : '');
    const toggle = ref(element, 'wave-toggle');
    const words = say(playing ? 'play.pause' : 'play.play', { name: file.title || file.filename });
    if (toggle.getAttribute('aria-label') === words) return;
    toggle.setAttribute('aria-label', words);
    toggle.replaceChildren(icon(playing ? 'pause' : 'play'));
  }

  /** @param {PointerEvent} event @returns {number} seconds */
  function pointed({ clientX }) {
    const { left, width } = picture.getBoundingClientRect();
    return Math.max(0, Math.min(1, (clientX - left) / width)) * duration;
  }

  ref(element, 'wave-toggle').addEventListener('click', () => player.toggle(file));
  picture.addEventListener('pointerup', (event) => { if (event.button === 0) player.start(file, pointed(event)); });
  picture.addEventListener('pointermove', (event) => {
    if (event.pointerType !== 'mouse') return;
    const seconds = pointed(event);
    hover.hidden = false;
    hover.style.left = `${(100 * seconds) / duration}%`;
    hover.classList.toggle('late', seconds > duration / 2);
    setText(/** @type {HTMLElement} */ (hover.firstElementChild), [clock(seconds), chapterAt(seconds)].filter(Boolean).join(' · '));
  });
  picture.addEventListener('pointerleave', () => { hover.hidden = true; });
  picture.addEventListener('keydown', (event) => {
    const to = { Home: 0, End: duration }[event.key] ?? (STEPS[event.key] ? at() + STEPS[event.key] * (event.shiftKey ? FAR : 1) : null);
    if (to !== null) player.open(file, Math.max(0, Math.min(duration, to)));
    else if (event.key === 'Enter' || event.key === ' ') player.toggle(file);
    else return;
    event.preventDefault();
  });
  const ends = [player.watch('changed', draw), player.watch('time', draw)];
  drawMarks(picture, file, duration);
  draw();
  return {
    element,
    /** @param {FullFile} changed */
    show(changed) {
      file = changed;
      drawMarks(picture, file, duration);
      draw();
    },
    end: () => ends.forEach((end) => end()),
  };
}
