/**
 * How long a request may look still. A browser hands a slice to the kernel at once and then hears nothing until the
 * answer comes, which a line of 32 kbit/s brings after eight seconds and more. So the server is asked before a request
 * is given up: only a line on which small requests fail too is gone.
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
 * @param {number} open bytes on their way in all lanes
 * @param {number | null} rate bytes per second that were recorded; null while unknown
 * @returns {{ask: number, answer: number, probe: number, hard: number}} ms without a sign after which the server is
 *   asked; ms that it gets to answer then, and when the line is doubted; ms after which a slice is given up all the same
 */
export function patience(open, rate) {
  if (rate === null) return { ask: FIRST_ASK_MS, answer: WITHIN_MS.most, probe: PROBE_MS.least, hard: HARD_MS.least };
  const expected = (1000 * open) / rate;
  return {
    ask: within(ASK_MS, expected), answer: within(WITHIN_MS, expected), probe: within(PROBE_MS, expected),
    hard: within(HARD_MS, expected),
  };
}
