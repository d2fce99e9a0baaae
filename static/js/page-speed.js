/**
 * Speed of the whole page, over all files and the time between them; `speed.js` measures one upload. It samples the
 * uploads from time to time. Recorded bytes count in full, bytes in flight half: browsers report buffered bytes as sent,
 * and parallel slices are half done on average.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 */
import { total } from './ranges.js';

/** Window of the measurement, and its minimum before a result. */
const WINDOW_MS = 30_000;
const ENOUGH_STEPS = 2;
const ENOUGH_MS = 3000;
/** A longer step means that the machine slept, and is ignored. */
const LONGEST_TICK_MS = 90_000;
/** Time constant with which a new estimate replaces the old one, unless they differ greatly. */
const SETTLE_MS = 5000;

const MOVING = new Set(['preparing', 'sending', 'waiting', 'paused']);
const WORKING = new Set(['preparing', 'sending']);
const WHOLE = new Set(['verifying', 'tagging', 'ready', 'rejected', 'stuck']);

export class PageSpeed {
  constructor() {
    /** @type {Map<string, {state: string, recorded: number}>} by the row's key */
    this.known = new Map();
    this.recorded = 0;
    this.flying = 0;
    /** ms of work, without those without a connection */
    this.ms = 0;
    /** @type {number | null} */
    this.toldAt = null;
    /** @type {{ms: number, sent: number}[]} one for each change of the recorded bytes, the first at the start of the measurement */
    this.steps = [];
    /** @type {number | null} the last measurement, kept over a gap */
    this.last = null;
    /** @type {{at: number, guessed: number} | null} ms, the estimated end, and when it was estimated */
    this.end = null;
  }

  /** @param {PageUpload[]} uploads @param {number} now ms */
  observe(uploads, now) {
    const working = uploads.some(({ state }) => WORKING.has(state));
    if (this.toldAt !== null && this.steps.length > 0) this.ms += Math.min(now - this.toldAt, LONGEST_TICK_MS);
    this.toldAt = working ? now : null;
    const before = this.recorded;
    for (const upload of uploads) this.#look(upload);
    this.flying = uploads.reduce((sum, { state, flying }) => sum + (state === 'sending' ? flying / 2 : 0), 0);
    // Before the first slice is recorded, time is spent on hashing and requests; between files it counts.
    if (this.recorded > before) this.steps.push({ ms: this.ms, sent: this.recorded + this.flying });
    while (this.steps.length > ENOUGH_STEPS + 1 && this.steps[1].ms <= this.ms - WINDOW_MS) this.steps.shift();
    this.last = this.#measure() ?? this.last;
    // Open slices are lost with the connection: a new measurement begins after the gap.
    if (!working) this.steps = [];
  }

  /** @returns {number | null} bytes per second; null while it would mislead */
  get rate() { return this.last; }

  /** @param {number} bytes not recorded yet @param {number} now ms @returns {number | null} seconds */
  timeLeft(bytes, now) {
    if (!this.last) return null;
    const left = (1000 * Math.max(0, bytes - this.flying)) / this.last;
    const before = this.end ?? { at: now + left, guessed: now };
    const change = now + left - before.at;
    const weight = Math.abs(change) > left / 2 + SETTLE_MS ? 1 : 1 - Math.exp((before.guessed - now) / SETTLE_MS);
    this.end = { at: before.at + change * weight, guessed: now };
    return Math.max(0, this.end.at - now) / 1000;
  }

  /** The queue is empty: the next one may use another link. */
  reset() { Object.assign(this, { steps: [], last: null, toldAt: null, end: null }); }

  /** @param {PageUpload} upload */
  #look({ key, state, received, length }) {
    const known = this.known.get(key);
    const recorded = WHOLE.has(state) ? length : total(received);
    // Bytes from another tab or an earlier visit were not sent by this page.
    if (known && MOVING.has(known.state) && (MOVING.has(state) || WHOLE.has(state))) this.recorded += Math.max(0, recorded - known.recorded);
    this.known.set(key, { state, recorded });
  }

  /** @returns {number | null} */
  #measure() {
    const [first] = this.steps;
    const last = this.steps[this.steps.length - 1];
    const steps = this.steps.length - 1;
    if (steps < ENOUGH_STEPS || last.ms - first.ms < ENOUGH_MS) return null;
    // An overdue change means that the link has become slower.
    const overdue = this.ms - last.ms > (2 * (last.ms - first.ms)) / steps + 1000;
    const end = overdue ? { ms: this.ms, sent: Math.max(last.sent, this.recorded + this.flying) } : last;
    const rate = (1000 * (end.sent - first.sent)) / (end.ms - first.ms);
    return rate > 0 ? rate : null;
  }
}
