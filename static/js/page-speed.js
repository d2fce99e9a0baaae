/**
 * Speed of the whole page, over all files and the time between them; `speed.js` measures one upload. It samples the
 * uploads from time to time. Files that are sent at once share the link: each slice counts with its file's share of the
 * time since that file's slice before, so the first slices of two files already give the speed of the link.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 */
import { total } from './ranges.js';

/** ms of the link in the measurement, and its minimum before a result. */
const WINDOW_MS = 30_000;
const ENOUGH_SAMPLES = 2;
const ENOUGH_MS = 3000;
/** A slice larger by this factor outweighs all smaller ones: they wait longer for their responses than they are sent. */
const OUTGROWN = 4;
/** A longer step means that the machine slept, and is ignored. */
const LONGEST_TICK_MS = 90_000;
/** Time constant with which a new estimate replaces the old one, unless they differ greatly. */
const SETTLE_MS = 5000;

const WORKING = new Set(['preparing', 'sending']);
const WHOLE = new Set(['verifying', 'tagging', 'ready', 'stuck']);

/**
 * @typedef {object} Sample
 * @property {number} bytes recorded
 * @property {number} ms of the link that they took
 *
 * @typedef {object} Known
 * @property {string} state
 * @property {number} recorded bytes
 * @property {number} flying bytes in flight
 * @property {number} arrived bytes that count in the samples: of those in flight as many as had probably arrived
 * @property {number} ms of the link since then
 */

export class PageSpeed {
  constructor() {
    /** @type {Map<string, Known>} by the row's key */
    this.known = new Map();
    /** ms without any open slice, which are added to the next sample */
    this.idle = 0;
    /** @type {number | null} */
    this.toldAt = null;
    /** @type {Sample[]} latest first */
    this.samples = [];
    /** @type {number | null} the last measurement, kept over a gap */
    this.last = null;
    /** @type {{at: number, guessed: number} | null} ms, the estimated end, and when it was estimated */
    this.end = null;
  }

  /** @param {PageUpload[]} uploads @param {number} now ms */
  observe(uploads, now) {
    this.#pass(Math.min(now - (this.toldAt ?? now), LONGEST_TICK_MS));
    this.toldAt = now;
    this.known = new Map(uploads.map((upload) => [upload.key, this.#look(upload)]));
    this.last = this.#measure() ?? this.last;
  }

  /** @returns {number | null} bytes per second; null while it would mislead */
  get rate() { return this.last; }

  /** @param {number} bytes not recorded yet @param {number} now ms @returns {number | null} seconds */
  timeLeft(bytes, now) {
    if (!this.last) return null;
    const left = (1000 * Math.max(0, bytes - this.#ahead(this.last / 1000))) / this.last;
    const before = this.end ?? { at: now + left, guessed: now };
    const change = now + left - before.at;
    const weight = Math.abs(change) > left / 2 + SETTLE_MS ? 1 : 1 - Math.exp((before.guessed - now) / SETTLE_MS);
    this.end = { at: before.at + change * weight, guessed: now };
    return Math.max(0, this.end.at - now) / 1000;
  }

  /** The queue is empty: the next one may use another link. */
  reset() { Object.assign(this, { samples: [], last: null, toldAt: null, end: null, idle: 0 }); }

  /** @param {number} ms since the last look */
  #pass(ms) {
    const states = [...this.known.values()];
    const sending = states.filter(({ state }) => state === 'sending');
    for (const known of sending) known.ms += ms / sending.length;
    // Before the first slice, time is spent on hashing and requests; between files it counts.
    if (sending.length === 0 && this.samples.length > 0 && states.some(({ state }) => state === 'preparing')) this.idle += ms;
  }

  /** @param {PageUpload} upload @returns {Known} */
  #look({ key, state, received, length, flying, ahead }) {
    const before = this.known.get(key);
    const recorded = WHOLE.has(state) ? length : total(received);
    const arrived = recorded + (state === 'sending' ? ahead : 0);
    // Bytes from another tab or an earlier visit were not sent by this page. Open slices are lost with the connection.
    if (!before || !WORKING.has(before.state)) return { state, recorded, flying, arrived, ms: 0 };
    if (recorded > before.recorded && arrived > before.arrived) {
      this.#add(arrived - before.arrived, before.ms);
      return { state, recorded, flying, arrived, ms: 0 };
    }
    return state === 'sending' ? { ...before, state, recorded, flying } : { state, recorded, flying, arrived, ms: 0 };
  }

  /** @param {number} bytes @param {number} ms of the link */
  #add(bytes, ms) {
    if (bytes >= OUTGROWN * Math.max(...this.samples.map((sample) => sample.bytes))) this.samples = [];
    this.samples.unshift({ bytes, ms: ms + this.idle });
    this.idle = 0;
    let kept = 0;
    const old = this.samples.findIndex(({ ms }) => (kept += ms) > WINDOW_MS);
    if (old >= ENOUGH_SAMPLES) this.samples.length = old + 1;
  }

  /** @returns {number | null} */
  #measure() {
    const sum = { bytes: 0, ms: 0 };
    for (const sample of this.samples) {
      sum.bytes += sample.bytes;
      sum.ms += sample.ms;
    }
    if (this.samples.length < ENOUGH_SAMPLES || sum.ms < ENOUGH_MS) return null;
    const rate = sum.bytes / sum.ms;
    // An overdue slice means that the link has become slower.
    const open = [...this.known.values()].map(({ ms }) => ms);
    if (Math.max(...open) <= (2 * sum.ms) / this.samples.length + 1000) return 1000 * rate;
    const counted = [...this.known.values()].reduce((all, { arrived, recorded }) => all + arrived - recorded, 0);
    return (1000 * (sum.bytes + this.#ahead(rate) - counted)) / open.reduce((all, ms) => all + ms, sum.ms);
  }

  /** @param {number} rate bytes per ms @returns {number} bytes in flight that have probably arrived */
  #ahead(rate) {
    const files = [...this.known.values()];
    return files.reduce((sum, { recorded, arrived, flying, ms }) => sum + Math.min(flying, arrived - recorded + rate * ms), 0);
  }
}
