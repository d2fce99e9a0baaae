const FIRST_S = 1;
const MOST_S = 30;
const LEAST_S = 0.3;

/**
 * Full jitter: thousands of pages that lost one server must not retry at the same time.
 *
 * @param {number} failures consecutive failures, from 1
 * @param {number | null} retryAfter seconds, if the server sent it
 * @param {() => number} [random] 0 ≤ x < 1
 * @returns {number} ms to wait
 */
export function delay(failures, retryAfter, random = Math.random) {
  const most = Math.min(MOST_S, FIRST_S * 2 ** Math.min(failures - 1, 10));
  const jitter = Math.max(LEAST_S, random() * most);
  return 1000 * Math.max(jitter, retryAfter ?? 0);
}
