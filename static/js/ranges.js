/**
 * Half-open spans `[start, stop)` in bytes and merged lists of them, as the server writes them in `received`.
 *
 * @typedef {[number, number]} Span
 */

/**
 * @param {Span[]} spans in any order, may overlap
 * @returns {Span[]} sorted, merged, touching spans joined
 */
export function merge(spans) {
  /** @type {Span[]} */
  const merged = [];
  for (const [start, stop] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = merged[merged.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else if (start < stop) merged.push([start, stop]);
  }
  return merged;
}

/**
 * @param {Span[]} spans merged
 * @returns {number} bytes
 */
export function total(spans) {
  return spans.reduce((sum, [start, stop]) => sum + stop - start, 0);
}

/**
 * @param {Span[]} spans merged
 * @param {number} length bytes of the whole file
 * @returns {Span[]} the gaps, in order
 */
export function missing(spans, length) {
  /** @type {Span[]} */
  const gaps = [];
  let at = 0;
  for (const [start, stop] of spans) {
    if (at < start) gaps.push([at, start]);
    at = Math.max(at, stop);
  }
  if (at < length) gaps.push([at, length]);
  return gaps;
}

/**
 * The next span to send. It ends on the grid of `size` and never overlaps a recorded span or one in flight,
 * because the server refuses partial overlaps.
 *
 * @param {Span[]} taken recorded spans and those in flight
 * @param {number} length bytes
 * @param {number} size bytes of a slice
 * @returns {Span | null}
 */
export function nextSpan(taken, length, size) {
  const [gap] = missing(merge(taken), length);
  if (!gap) return null;
  const [start, stop] = gap;
  return [start, Math.min(stop, (Math.floor(start / size) + 1) * size)];
}
