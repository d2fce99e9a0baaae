/**
 * This browser's uploads that have ended in the last 14 days, page by page from the server's list, newest first. No DOM.
 *
 * @typedef {import('./client.js').Upload} Upload
 */
const KEPT_DAYS = 14;
const STATES = 'spooled,rejected,expired,lost';
const PAGE = '20';

/** @param {Upload[]} uploads newest first @param {number} now ms @returns {Upload[]} those of the last days */
const recent = (uploads, now) =>
  uploads.filter(({ created_at: time }) => Date.parse(time) > now - KEPT_DAYS * 24 * 3600 * 1000);

/**
 * @param {import('./client.js').Client} client
 * @param {string | null} cursor of the page; null for the newest
 * @param {string} [limit]
 * @returns {Promise<{uploads: Upload[], next: string | null}>} `next` is null if older ones are too old
 */
export async function sentUploads(client, cursor, limit = PAGE) {
  const { uploads, next } = await client.list({ state: STATES, limit, ...(cursor ? { cursor } : {}) });
  const kept = recent(uploads, Date.now());
  return { uploads: kept, next: kept.length === uploads.length ? next : null };
}

/** @param {Upload} upload @returns {'ready' | 'remarks' | 'rejected' | 'gone'} its result */
export function verdictOf({ state, verdict }) {
  if (state === 'spooled') return verdict === 'warn' ? 'remarks' : 'ready';
  return state === 'rejected' ? 'rejected' : 'gone';
}
