/** Where the reader stopped listening, per file, in this browser, for a day. */

const KEY = 'media_service.positions';
const DAY_MS = 86_400_000;
const MOST = 200;
/** Positions as near to the beginning or the end are not kept: there is nothing to continue. */
const EDGE_S = 10;

/** @returns {Record<string, [number, number]>} seconds and ms of the clock, by file */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    const since = Date.now() - DAY_MS;
    return Object.fromEntries(Object.entries(kept).filter(([, one]) => Array.isArray(one) && one[1] > since));
  } catch {
    return {};
  }
}

/** @param {string} id @returns {number} seconds; 0 if none is kept */
export const keptPosition = (id) => read()[id]?.[0] ?? 0;

/** @param {string} id @param {number} seconds @param {number} duration seconds */
export function keepPosition(id, seconds, duration) {
  const { [id]: _, ...others } = read();
  const entries = Object.entries(others).sort(([, one], [, other]) => other[1] - one[1]).slice(0, MOST - 1);
  if (seconds > EDGE_S && seconds < duration - EDGE_S) entries.push([id, [Math.round(seconds * 10) / 10, Date.now()]]);
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(entries)));
  } catch {
    // Without room, or where storage is forbidden, the next visit begins at 0:00.
  }
}
