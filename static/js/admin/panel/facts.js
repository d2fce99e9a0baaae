/**
 * What the server knows about a file, in words.
 *
 * @typedef {import('./draft.js').FullFile} FullFile
 */
import { copyText } from '../../copy.js';
import { bytes, clock, exactly } from '../../format.js';
import { html, only, ref, setText } from '../../html.js';
import { icon } from '../../icons.js';
import { knows, language, say } from '../../words.js';

/** Loudness in LUFS from which on each word fits. Broadcasting aims at −23 (EBU R128), podcasts at −16. @type {[number, string][]} */
const LOUDNESS = [[-9, 'extreme'], [-13, 'loud'], [-18.5, 'online'], [-21.5, 'between'], [-25, 'broadcast'], [-Infinity, 'quiet']];
const CLIPS_DBTP = -0.2;
/** Silence at an edge that is worth a word, in seconds. */
const LONG_SILENCE_S = 1.5;
const SHORT_DIGEST = 12;
const CHANNELS = ['', 'mono', 'stereo'];

/** @param {number} value @param {number} [digits] */
const number = (value, digits = 1) => new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value).replace('-', '−');

/** @param {string} time RFC 3339 */
const day = (time) => new Intl.DateTimeFormat(language(), { dateStyle: 'long', timeStyle: 'short' }).format(new Date(time));

/** @param {FullFile} file @returns {string[]} sentences */
export function loudnessWords({ loudness, duration }) {
  if (!loudness) return [say('loudness.unknown')];
  const { integrated, range, true_peak: peak, leading_silence: before, trailing_silence: after } = loudness;
  if (integrated === null) return [say('loudness.silent')];
  const [, word] = /** @type {[number, string]} */ (LOUDNESS.find(([from]) => integrated >= from));
  return [
    say('loudness.level', { level: number(integrated), word: say(`loudness.${word}`) }),
    range === null ? '' : say('loudness.range', { range: number(range) }),
    peak === null ? '' : say(peak > CLIPS_DBTP ? 'loudness.clips' : 'loudness.peak', { peak: number(peak) }),
    before && before > LONG_SILENCE_S ? say('loudness.before', { time: number(before) }) : '',
    after && after > LONG_SILENCE_S && after < duration ? say('loudness.after', { time: number(after) }) : '',
  ].filter(Boolean);
}

/** @param {string} text @param {string} label what is copied */
const copyable = (text, label) => html`<code title="${text}">${text.slice(0, SHORT_DIGEST)}…</code><span class="spoken" aria-hidden="true" data-whole>${text}</span>
  <button type="button" class="quiet" data-copy aria-label="${say('fact.copy', { what: label })}">${icon('tabs')}<span aria-live="polite">${say('secret.copy')}</span></button>`;

/** @param {FullFile} file @returns {string} */
function format({ bitrate, sample_rate: rate, channels, audio }) {
  return [
    say(audio?.vbr ? 'fact.vbr' : 'fact.bitrate', { rate: number(bitrate / 1000, 0) }),
    `${number(rate / 1000)}\u00a0kHz`,
    CHANNELS[channels] ? say(`fact.${CHANNELS[channels]}`) : '',
    audio?.encoder ?? '',
  ].filter(Boolean).join(' · ');
}

/** @param {FullFile} file @returns {string} */
const sender = ({ sender: name, email, link }) => [name, email, link ? say('fact.by_link', { title: link.title }) : ''].filter(Boolean).join(' · ');

/** @param {FullFile} file @returns {string} who has put it into the trash, when and why, and until when it is kept */
const trashWords = ({ trash }) => (trash ? [
  trash.by?.name ?? '', day(trash.at), trash.reason ?? '', trash.purge_at ? say('fact.kept_until', { time: day(trash.purge_at) }) : '',
].filter(Boolean).join(' · ') : '');

/** @param {FullFile} file @param {(slug: string) => string} showOf the title of a show */
export function makeFacts(file, showOf) {
  const { size, grade, verdict } = file;
  /** @type {[string, string | DocumentFragment | null][]} */
  const facts = [
    ['trash', trashWords(file)],
    ['removed', file.removed_at ? day(file.removed_at) : ''],
    ['format', format(file)],
    ['size', `${bytes(size, language())} · ${clock(file.duration)}`],
    ['checked', grade && knows(`grade.${grade}`) ? say(`grade.${grade}`) : say(verdict ? 'grade.none' : 'grade.unchecked')],
    ['loudness', html`${loudnessWords(file).map((sentence) => html`<span class="sentence">${sentence}</span> `)}`],
    ['sender', sender(file)],
    ['show', file.collection ? showOf(file.collection) : ''],
    ['uploaded', html`<time datetime="${file.uploaded_at}" title="${exactly(file.uploaded_at, language())}">${day(file.uploaded_at)}</time>`],
    ['filename', file.filename],
    ['stored', file.stored_name === file.filename ? '' : file.stored_name],
    ['sha256', copyable(file.spooled_sha256, 'SHA-256')],
    ['received', file.sha256 === file.spooled_sha256 ? '' : copyable(file.sha256, say('fact.received'))],
  ];
  const element = only(html`<section class="part facts" aria-labelledby="facts-heading"><h3 id="facts-heading">${say('fact.heading')}</h3>
    <dl>${facts.filter(([, value]) => value).map(([name, value]) => html`<dt>${say(`fact.${name}`)}</dt><dd data-ref="fact-${name}">${value}</dd>`)}</dl></section>`);
  element.addEventListener('click', async ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest('[data-copy]');
    if (!button) return;
    await copyText(/** @type {HTMLElement} */ (button.parentElement?.querySelector('[data-whole]')));
    setText(/** @type {HTMLElement} */ (button.querySelector('span')), say('secret.copied'));
  });
  return element;
}

/** @param {FullFile} file @returns {HTMLElement} one line: whether anything is to be looked at */
export function verdictLine({ verdict, grade, place }) {
  const kind = place && place !== 'spool' ? place : verdict === 'ok' ? grade ?? 'unchecked' : verdict ?? 'unchecked';
  const good = kind in { proven: 1, complete: 1, structural: 1 };
  return only(html`<p class="verdict" data-kind="${good ? 'good' : kind}">${icon(good ? 'check' : 'warn')}<span>${say(`verdict.${kind}`)}</span></p>`);
}

