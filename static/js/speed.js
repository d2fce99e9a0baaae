/**
 * Speed of one upload, from recorded slices only: bytes that a browser reports as sent may still be in buffers, and would
 * show a speed that the link does not have.
 *
 * The estimate must be right from the third slice on, and on most links one of the first three is disturbed by a new
 * connection, by packet loss that TCP notices seconds later, or by small requests in the same queue. That makes slices
 * slower, never faster. So the best of the latest samples counts as much as twelve, and none as more than twice as slow.
 * A link that became slower is detected after four samples, one that became faster after one.
 */

/** Samples kept: one for each slice, or for several that were sent at once. */
const KEPT = 8;
/** Latest samples among which the best is chosen. */
const LATEST = 4;
/** Weight of the best sample. */
const BEST_WEIGHT = 12;
/** Maximum slowness of a sample, relative to the best one. */
const SLOWEST = 2;
/** Recorded slices, and ms, after which the speed is shown. */
const ENOUGH_SLICES = 3;
const ENOUGH_MS = 3000;
/** Faster slices grow until they take about this many ms (`pace.js`). */
const GROWN_MS = 6000;
/** A slice larger by this factor outweighs all smaller ones. */
const OUTGROWN = 4;
/** Slices of each lane in one sample, if there are several lanes: TCP favours one of them for seconds. */
const ROUNDS = 2;
/** Smaller slices, at the ends of gaps, are mostly headers; they are added to the next one. */
const LEAST_BYTES = 16 * 1024;

/**
 * @typedef {object} Open a slice in flight
 * @property {number} bytes
 * @property {number} since ms, when it was opened
 * @property {number} before ms of the link until then
 */

export class Speed {
  /** @param {number} now ms @param {number} [roundTrip] ms from a small request to its response; 0 if unknown */
  constructor(now, roundTrip = 0) {
    this.began = now;
    this.roundTrip = Math.min(roundTrip, GROWN_MS / 3);
    this.slices = 0;
    /** @type {Map<number, Open>} by lane */
    this.open = new Map();
    /** ms of the link, shared equally by open slices: the result is the same with one lane and with three */
    this.lineMs = 0;
    this.countedAt = now;
    /** @type {number[]} ms per byte, latest first */
    this.samples = [];
    /** slices not yet in a sample */
    this.group = { slices: 0, bytes: 0, ms: 0 };
    /** bytes of the largest slice */
    this.largest = 0;
  }

  /** @param {number} lane @param {number} bytes @param {number} now ms */
  opened(lane, bytes, now) {
    this.#count(now);
    this.open.set(lane, { bytes, since: now, before: this.lineMs });
  }

  /** The lane's open slice was recorded. @param {number} lane @param {number} now ms */
  recorded(lane, now) {
    this.#count(now);
    const slice = /** @type {Open} */ (this.open.get(lane));
    this.open.delete(lane);
    this.slices += 1;
    const ms = Math.max(1, this.lineMs - slice.before);
    this.#add(slice.bytes, ms, Math.round((now - slice.since) / ms));
  }

  /** The lane's open slice was lost. @param {number} lane @param {number} now ms */
  lost(lane, now) {
    this.#count(now);
    this.open.delete(lane);
  }

  /** @returns {number | null} bytes per second, once a slice is recorded */
  get measured() {
    if (this.slices === 0) return null;
    const samples = this.samples.length > 0 ? this.samples : [this.group.ms / this.group.bytes];
    const best = Math.min(...samples.slice(0, LATEST));
    const sum = samples.reduce((all, sample) => all + Math.min(sample, SLOWEST * best), BEST_WEIGHT * best);
    return (1000 * (BEST_WEIGHT + samples.length)) / sum;
  }

  /** @param {number} now ms @returns {number | null} bytes per second of the next slices; null while unreliable */
  rate(now) {
    return this.slices >= ENOUGH_SLICES && now - this.began >= ENOUGH_MS ? this.measured : null;
  }

  /** @param {number} now ms @returns {number} bytes in flight that have probably arrived */
  underWay(now) {
    this.#count(now);
    const rate = this.measured ?? 0;
    return [...this.open.values()].reduce((sum, { bytes, before }) => sum + Math.min(bytes, ((this.lineMs - before) * rate) / 1000), 0);
  }

  /**
   * A single lane sends nothing while it waits for a response, which matters less once slices have grown.
   * @param {number} ms of a slice @returns {number} ms that its bytes will take then
   */
  #grown(ms) {
    if (ms >= GROWN_MS) return ms;
    return (Math.max(ms / 3, ms - this.roundTrip) * GROWN_MS) / (GROWN_MS - this.roundTrip);
  }

  /** @param {number} bytes @param {number} ms of the line @param {number} lanes */
  #add(bytes, ms, lanes) {
    if (bytes >= this.largest * OUTGROWN) this.#forget();
    this.largest = Math.max(this.largest, bytes);
    this.group.slices += 1;
    this.group.bytes += bytes;
    this.group.ms += lanes > 1 ? ms : this.#grown(ms);
    if (this.group.slices < (lanes > 1 ? lanes * ROUNDS : 1) || this.group.bytes < LEAST_BYTES) return;
    this.samples = [this.group.ms / this.group.bytes, ...this.samples].slice(0, KEPT);
    this.group = { slices: 0, bytes: 0, ms: 0 };
  }

  #forget() {
    this.samples = [];
    this.group = { slices: 0, bytes: 0, ms: 0 };
  }

  /** @param {number} now ms */
  #count(now) {
    if (this.open.size > 0) this.lineMs += (now - this.countedAt) / this.open.size;
    this.countedAt = now;
  }
}
