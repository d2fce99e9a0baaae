/**
 * Speed of one upload. Only recorded bytes count: what a browser has handed on sits in buffers at first and promises a
 * speed that the line does not have. A slice that took `ms` while on average `lanes` slices were open had that share of
 * the line, so it tells the speed of the whole line, also while the number of lanes changes.
 */

/** What a slice weighs when the next one is recorded. */
const FADE = 0.9;
/** Recorded slices, and ms, after which the speed is told. */
const ENOUGH_SLICES = 3;
const ENOUGH_MS = 3000;
/** A first slice that took so long is enough: on such a line slices do not grow. */
const SLOW_MS = 6500;
/** A slice that takes so many times as long as expected makes the line slower than it was. */
const LATE = 1.5;
/** What the first slice of a lane takes of the line: it also waits for its connection. */
const FIRST = 0.7;
/** From so many times the size, or the lanes, slices are of another kind. */
const GROWN = 1.5;

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
    this.slow = false;
    /** @type {Map<number, Open>} by lane */
    this.flying = new Map();
    /** @type {Map<number, number>} ms, when a lane's last slice was recorded */
    this.ended = new Map();
    /** recorded bytes, and the line's ms that they took; both faded */
    this.bytes = 0;
    this.ms = 0;
    /** nothing but the first slice of a connection was added yet */
    this.early = false;
    /** bytes of the largest slice, and the most lanes, that were added */
    this.largest = 0;
    this.widest = 0;
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
    const { ms, lanes } = this.#taken(open, now);
    this.slices += 1;
    this.slow ||= this.slices === 1 && ms >= SLOW_MS;
    this.flying.delete(lane);
    this.#add(open.bytes, ms, lanes, !this.ended.has(lane));
    this.ended.set(lane, now);
  }

  /**
   * Slices of a size, or in a number of lanes, that was never there before tell more of those to come than all before
   * them: each slice pays a delay whatever its size. The first slice of a connection also waits for the connection, so
   * it counts only as long as there is no other.
   * @param {number} bytes @param {number} ms @param {number} lanes open on average @param {boolean} first
   */
  #add(bytes, ms, lanes, first) {
    if (first && this.bytes > 0) return;
    if (this.early || bytes > this.largest * GROWN || lanes > this.widest * GROWN) [this.bytes, this.ms] = [0, 0];
    this.early = first;
    this.largest = Math.max(this.largest, bytes);
    this.widest = Math.max(this.widest, lanes);
    this.bytes = this.bytes * FADE + bytes;
    this.ms = this.ms * FADE + ms / lanes;
  }

  /** The lane's open slice was lost; its next one has a time of its own. @param {number} lane @param {number} now ms */
  lost(lane, now) {
    this.#count(now);
    this.flying.delete(lane);
    this.ended.delete(lane);
  }

  /** @param {number} now ms @returns {number | null} bytes per second of the slices so far, as soon as one was recorded */
  measured(now) {
    if (this.slices === 0) return null;
    this.#count(now);
    const { bytes, ms: line } = this;
    const late = [...this.flying.values()].map((open) => ({ bytes: open.bytes, line: this.#lineMs(open, now) }))
      .filter((open) => open.line > (LATE * open.bytes * line) / bytes);
    const sum = late.reduce((all, one) => ({ bytes: all.bytes + one.bytes, line: all.line + one.line }), { bytes, line });
    return (1000 * sum.bytes) / sum.line;
  }

  /** @param {number} now ms @returns {number | null} bytes per second of the slices to come; null while it would mislead */
  rate(now) {
    const enough = this.slow || (this.slices >= ENOUGH_SLICES && now - this.began >= ENOUGH_MS);
    return enough ? this.measured(now) : null;
  }

  /** @param {number} now ms @returns {number} bytes that are on their way and have probably arrived by now */
  underWay(now) {
    const rate = this.measured(now);
    if (rate === null) return 0;
    this.#count(now);
    return [...this.flying.values()].reduce((sum, open) => sum + Math.min(open.bytes, (this.#lineMs(open, now) * rate) / 1000), 0);
  }

  /** @param {Open} open @param {number} now ms @returns {{ms: number, lanes: number}} its time, and the lanes that were open on average */
  #taken({ since, before }, now) {
    const ms = Math.max(1, now - since);
    return { ms, lanes: Math.max(1, (this.laneMs - before) / ms) };
  }

  /** @param {Open} open @param {number} now ms @returns {number} ms that the whole line would have taken for it alone */
  #lineMs(open, now) {
    const { ms, lanes } = this.#taken(open, now);
    return ms / lanes;
  }

  /** @param {number} now ms */
  #count(now) {
    const busy = [...this.flying.keys()].reduce((sum, lane) => sum + (this.ended.has(lane) ? 1 : FIRST), 0);
    this.laneMs += Math.max(Math.min(1, this.flying.size), busy) * (now - this.countedAt);
    this.countedAt = now;
  }
}
