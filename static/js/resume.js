/**
 * What the server still waits for. Asked at the start, before new files are sent, and when the page is seen again; not
 * kept in this browser, so that it also works on another machine and leaves nothing behind on a shared one.
 */
import { delay } from './backoff.js';

const STATES = 'receiving,received,verified';
const SOON_MS = 1500;

/** @returns {Promise<Set<string>>} ids of the uploads that some tab of this browser sends */
async function heldIds() {
  const locks = await navigator.locks?.query();
  const names = (locks?.held ?? []).map((lock) => lock.name ?? '');
  return new Set(names.map((name) => name.split(' ').pop() ?? ''));
}

/**
 * @param {import('./client.js').Client} client
 * @param {import('./board.js').Board} board
 */
export async function refresh(client, board) {
  const [{ uploads }, held] = await Promise.all([client.list({ state: STATES, limit: '100' }), heldIds()]);
  // A row without all of the tags would take them away when one of them is edited.
  const whole = await Promise.all(uploads.map((upload) => (board.needs(upload) ? client.show(upload.id) : upload)));
  for (const upload of whole.reverse()) board.adopt(upload, held.has(upload.id));
  board.offer(held);
}

/**
 * Holds the board's starts until the list is there, but not longer than a person would notice.
 * @param {import('./client.js').Client} client
 * @param {import('./board.js').Board} board
 */
export async function refreshFirst(client, board) {
  board.held += 1;
  const soon = new Promise((resolve) => setTimeout(resolve, SOON_MS));
  await Promise.race([refresh(client, board).catch(() => undefined), soon]);
  board.held -= 1;
  board.start();
}

/**
 * @param {import('./client.js').Client} client
 * @param {import('./board.js').Board} board
 * @param {(failed: boolean) => void} tell
 */
export async function refreshForEver(client, board, tell) {
  for (let failures = 1; ; failures += 1) {
    try {
      await refresh(client, board);
      return tell(false);
    } catch {
      tell(true);
      await new Promise((resolve) => setTimeout(resolve, delay(failures, null)));
    }
  }
}
