/**
 * How large the next slice is. What is lost when the line drops is the open slices, so a slow line sends small ones:
 * about six seconds each. A fast line sends the server's own size, which costs it least.
 */

const AIM_MS = 6000;
const FAST_MS = 100;
export const LEAST = 256 * 1024;

/**
 * The first slices are the smallest: their answers tell soonest how fast the line is.
 * @param {number} proposed bytes, the server's `slice_size`
 * @returns {number} bytes
 */
export const firstSize = (proposed) => {
  let size = proposed;
  while (size > LEAST) size /= 2;
  return size;
};

/**
 * Doubles and halves only, so that all slices lie on one grid.
 *
 * @param {number} size bytes now
 * @param {number} sent bytes of the slice that was just recorded
 * @param {number} ms that it took
 * @param {number} most bytes
 * @returns {number} bytes from now on
 */
export function adapted(size, sent, ms, most) {
  if (sent < size) return size;
  if (ms < FAST_MS) return most;
  if (ms < AIM_MS / 3 && size * 2 <= most) return size * 2;
  if (ms > AIM_MS * 1.5 && size / 2 >= LEAST) return size / 2;
  return size;
}

/**
 * After a 413 of the server or of a proxy before it.
 *
 * @param {number} size bytes now
 * @param {number} refused bytes of the slice that was too large
 * @param {number} [limit] bytes, when it was told
 * @returns {number | null} bytes from now on; null when smaller ones are no use
 */
export function shrunk(size, refused, limit = Infinity) {
  if (refused <= LEAST) return null;
  const most = Math.max(LEAST, Math.min(limit, refused / 2));
  let smaller = size;
  while (smaller > most) smaller /= 2;
  return smaller;
}
