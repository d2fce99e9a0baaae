/**
 * Speed of one upload. Only recorded bytes count: what a browser has handed on sits in buffers at first and promises a
 * speed that the line does not have. Each lane is one slice after the other, so its recorded bytes over the time they
 * took is true from its first slice on, whatever the other lanes have on their way; the lanes together are the upload.
 */

const HIDDEN_MS = 3000;
/** What a slice weighs when the next one is recorded. */
const FADE = 0.75;

/**
 * @typedef {object} Lane
 * @property {number} bytes recorded, faded
 * @property {number} ms that they took, faded likewise
 * @property {number} open bytes of the slice on its way; 0 when there is none
 * @property {number} since ms, when the time of that slice began
 */

export class Speed {
  /** @param {number} now ms */
  constructor(now) {
    this.began = now;
    /** @type {Map<number, Lane>} */
    this.lanes = new Map();
  }

  /** @param {number} lane @param {number} bytes @param {number} now ms */
  open(lane, bytes, now) {
    const known = this.lanes.get(lane);
    // A lane's time runs on from slice to slice: hashing between them is part of its speed.
    this.lanes.set(lane, known ? { ...known, open: bytes } : { bytes: 0, ms: 0, open: bytes, since: now });
  }

  /** The lane's open slice was recorded. @param {number} lane @param {number} now ms */
  recorded(lane, now) {
    const { bytes, ms, open, since } = /** @type {Lane} */ (this.lanes.get(lane));
    this.lanes.set(lane, { bytes: bytes * FADE + open, ms: ms * FADE + now - since, open: 0, since: now });
  }

  /** @param {number} now ms @returns {number | null} bytes per second; null while nothing can be said */
  rate(now) {
    const known = [...this.lanes.values()].filter((lane) => lane.ms > 0);
    if (now - this.began < HIDDEN_MS || known.length === 0) return null;
    const rates = known.map(({ bytes, ms, open, since }) => {
      const overdue = open > 0 && now - since > (open * ms) / bytes;
      return overdue ? (bytes + open) / (ms + now - since) : bytes / ms;
    });
    return (1000 * rates.reduce((sum, rate) => sum + rate) * this.lanes.size) / known.length;
  }
}

/**
 * @param {number | null} rate bytes per second
 * @param {number} left bytes
 * @returns {number | null} seconds; null while unknown
 */
export const timeLeft = (rate, left) => (rate ? left / rate : null);
