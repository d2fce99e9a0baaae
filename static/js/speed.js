/**
 * Speed of one upload. Only recorded bytes count: what a browser has handed on sits in buffers at first and promises a
 * speed that the line does not have. A slice that took `ms` while on average `lanes` slices were open had that share of
 * the line, so it tells the speed of the whole line, also while the number of lanes changes.
 */

/** What a slice weighs when the next one is recorded. */
const FADE = 0.9;
/** Recorded slices after which the speed is told, and the ms after which one slice is enough. */
const ENOUGH_SLICES = 3;
const ENOUGH_MS = 3000;

/**
 * @typedef {object} Open a slice on its way
 * @property {number} bytes
 * @property {number} since ms, when its time began
 * @property {number} before lane-milliseconds until then
 */

export class Speed {
  /** @param {number} now ms */
  constructor(now) {
    this.began = now;
    this.slices = 0;
    /** @type {Map<number, Open>} by lane */
    this.flying = new Map();
    /** @type {Map<number, number>} ms, when a lane's last slice was recorded */
    this.ended = new Map();
    /** recorded bytes and the line's ms that they took, both faded */
    this.bytes = 0;
    this.ms = 0;
    /** lane-milliseconds: the number of open slices, summed over time */
    this.laneMs = 0;
    this.countedAt = now;
  }

  /** @param {number} lane @param {number} bytes @param {number} now ms */
  opened(lane, bytes, now) {
    this.#count(now);
    // A lane's time runs on from slice to slice: hashing between them is part of its speed.
    const since = this.ended.get(lane) ?? this.flying.get(lane)?.since ?? now;
    this.flying.set(lane, { bytes, since, before: this.laneMs });
  }

  /** The lane's open slice was recorded. @param {number} lane @param {number} now ms */
  recorded(lane, now) {
    this.#count(now);
    const open = /** @type {Open} */ (this.flying.get(lane));
    this.bytes = this.bytes * FADE + open.bytes;
    this.ms = this.ms * FADE + this.#lineMs(open, now);
    this.slices += 1;
    this.flying.delete(lane);
    this.ended.set(lane, now);
  }

  /** The lane's open slice was lost; its next one has a time of its own. @param {number} lane @param {number} now ms */
  lost(lane, now) {
    this.#count(now);
    this.flying.delete(lane);
    this.ended.delete(lane);
  }

  /** @param {number} now ms @returns {number | null} bytes per second, as soon as a slice was recorded */
  measured(now) {
    if (this.slices === 0) return null;
    this.#count(now);
    const rate = this.bytes / this.ms;
    // A slice that should be there by now makes the line slower than it was.
    const late = [...this.flying.values()].map((open) => ({ bytes: open.bytes, ms: this.#lineMs(open, now) }))
      .filter(({ bytes, ms }) => ms > bytes / rate);
    const sum = late.reduce((all, one) => ({ bytes: all.bytes + one.bytes, ms: all.ms + one.ms }), { bytes: this.bytes, ms: this.ms });
    return (1000 * sum.bytes) / sum.ms;
  }

  /** @param {number} now ms @returns {number | null} bytes per second; null while it would mislead */
  rate(now) {
    const enough = this.slices >= ENOUGH_SLICES || (this.slices > 0 && now - this.began >= ENOUGH_MS);
    return enough ? this.measured(now) : null;
  }

  /** @param {Open} open @param {number} now ms @returns {number} ms that the whole line would have taken for it alone */
  #lineMs({ since, before }, now) {
    const ms = Math.max(1, now - since);
    const lanes = Math.max(1, (this.laneMs - before) / ms);
    return ms / lanes;
  }

  /** @param {number} now ms */
  #count(now) {
    this.laneMs += this.flying.size * (now - this.countedAt);
    this.countedAt = now;
  }
}

/**
 * @param {number | null} rate bytes per second
 * @param {number} left bytes
 * @returns {number | null} seconds; null while unknown
 */
export const timeLeft = (rate, left) => (rate ? left / rate : null);
