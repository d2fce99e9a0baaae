/**
 * Timeouts of requests without progress. A browser passes a slice to the kernel at once and then has no event until the
 * response, which takes eight seconds and more at 32 kbit/s. So the server is probed before a request is abandoned: the
 * connection is lost only if small requests fail too.
 */

/** Before a speed is known. */
const FIRST_ASK_MS = 30_000;
const ASK_MS = { least: 10_000, times: 2 };
const WITHIN_MS = { least: 10_000, most: 45_000, times: 3 };
const PROBE_MS = { least: 1_200, most: 10_000, times: 1 };
const HARD_MS = { least: 120_000, times: 3 };

/** @param {{least: number, most?: number, times: number}} bounds @param {number} expected ms */
const within = ({ least, most = Infinity, times }, expected) => Math.min(most, Math.max(least, times * expected));

/**
 * @param {number} open bytes in flight in all lanes
 * @param {number | null} rate recorded bytes per second; null while unknown
 * @returns {{ask: number, answer: number, probe: number, hard: number}} ms without progress after which the server is
 *   probed; ms for its response then, and for a probe of the connection; ms after which a slice is abandoned anyway
 */
export function patience(open, rate) {
  if (rate === null) return { ask: FIRST_ASK_MS, answer: WITHIN_MS.most, probe: PROBE_MS.least, hard: HARD_MS.least };
  const expected = (1000 * open) / rate;
  return {
    ask: within(ASK_MS, expected), answer: within(WITHIN_MS, expected), probe: within(PROBE_MS, expected),
    hard: within(HARD_MS, expected),
  };
}
