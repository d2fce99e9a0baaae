/**
 * Client of the library's requests. Only this file, `people-client.js` and `client.js` know the service's URLs.
 *
 * @typedef {import('./files.js').StoredFile} StoredFile
 * @typedef {import('../client.js').Upload & {kept_bytes: number | null, kept_until?: string | null}} RejectedUpload
 * @typedef {{files: number, exact: boolean}} Total
 *
 * @typedef {object} Overview counts end at 10,000
 * @property {{files: number, bytes: number}} today
 * @property {number} in_flight
 * @property {{today: number, kept: number}} rejected
 * @property {{files: number}} trash
 * @property {{files: number}} taken
 * @property {{free: number, total: number} | null} disk
 * @property {{of: string, name: string | null, used: number, limit: number}[]} quotas in bytes
 */
import { makeClient } from '../client.js';

/** Rewriting the tags of a large file may take this long. */
const EDIT_WITHIN_MS = 300_000;
const HISTORY_ROWS = '20';

/** @typedef {{id: string, spooled_sha256: string}} Seen a file, and the version of it that the reader sees */

/**
 * @param {string} base the page's own folder, absolute, with a slash at its end
 * @param {<T>(step: () => Promise<T>) => Promise<T>} renewed sends a request again after a session has ended
 */
export function makeLibraryClient(base, renewed) {
  const client = makeClient(base);
  const { at } = client;
  const ask = (/** @type {Parameters<typeof client.ask>} */ ...request) => renewed(() => client.ask(...request));
  const file = (/** @type {string} */ id, rest = '') => at(`api/v1/files/${encodeURIComponent(id)}${rest}`);
  const upload = (/** @type {string} */ id) => at(`api/v1/uploads/${encodeURIComponent(id)}`);
  const rejected = (/** @type {string} */ id, rest = '') => at(`api/v1/quarantine/${encodeURIComponent(id)}${rest}`);

  return {
    ...client, ask,
    list: (/** @type {Parameters<typeof client.list>} */ ...query) => renewed(() => client.list(...query)),
    shows: () => renewed(client.shows),
    /** @param {string} id @param {string} [reason] that its sender is told @returns {Promise<null>} */
    cancel: (id, reason = '') => ask('DELETE', upload(id), reason ? { body: { reason } } : {}),

    /** @param {Record<string, string | undefined>} query @returns {Promise<{files: StoredFile[], next: string | null, total?: Total}>} */
    files: (query) => ask('GET', at('api/v1/files', query)),
    /** @param {string} q @returns {Promise<string[]>} frequent senders whose names have it */
    senders: async (q) => (await ask('GET', at('api/v1/files/senders', { q }))).senders,
    /** @param {string} id @returns {Promise<import('./panel/draft.js').FullFile>} */
    file: (id) => ask('GET', file(id)),
    /** @param {Seen} seen @param {{tags?: Record<string, string | null>, chapters?: import('./panel/draft.js').Chapter[]}} change */
    edit: ({ id, spooled_sha256: match }, change) => ask('PATCH', file(id), { body: change, match, within: EDIT_WITHIN_MS }),
    /** @param {string} id @param {string} version changes with the picture @returns {string} the URL of its cover */
    coverUrl: (id, version) => at(file(id, '/cover').href, { v: version }).href,
    /** @param {Seen} seen @param {Blob} picture */
    setCover: ({ id, spooled_sha256: match }, picture) => ask('PUT', file(id, '/cover'), { body: picture, match, within: EDIT_WITHIN_MS }),
    /** @param {Seen} seen */
    removeCover: ({ id, spooled_sha256: match }) => ask('DELETE', file(id, '/cover'), { match, within: EDIT_WITHIN_MS }),
    /** What was done with a file. @param {string} id @returns {Promise<import('./people-client.js').AuditEntry[]>} newest first */
    history: async (id) => (await ask('GET', at('api/v1/audit', { subject: id, limit: HISTORY_ROWS }))).entries,
    /** Throws if the bytes at a URL cannot be had. @param {string} url @returns {Promise<null>} */
    probe: (url) => ask('HEAD', new URL(url)),
    /** @param {Seen} seen @returns {Promise<StoredFile>} */
    trash: ({ id, spooled_sha256: match }) => ask('DELETE', file(id), { match }),
    /** @param {string} id @param {string} reason why it is in the trash @returns {Promise<StoredFile>} */
    explain: (id, reason) => ask('PATCH', file(id, '/trash'), { body: { reason } }),
    /** @param {string} id @returns {Promise<StoredFile>} */
    restore: (id) => ask('POST', file(id, '/restore')),
    /** @param {Seen} seen @returns {Promise<null>} */
    purge: ({ id, spooled_sha256: match }) => ask('DELETE', at(file(id).href, { purge: '1' }), { match }),
    /** @param {string} id @returns {string} the URL of a download */
    content: (id) => file(id, '/content').href,
    /** @param {string} id @returns {string} the URL for a player: no redirect, whose URL would expire while it pauses */
    stream: (id) => file(id, '/content?stream').href,

    /** @param {Record<string, string | undefined>} query @returns {Promise<{uploads: RejectedUpload[], next: string | null}>} */
    rejected: (query) => ask('GET', at('api/v1/quarantine', query)),
    /** @param {string} id @returns {string} */
    rejectedContent: (id) => rejected(id, '/content').href,
    /** @param {string} id @param {'recheck' | 'force'} how @returns {Promise<import('../client.js').Upload>} */
    review: (id, how) => ask('POST', rejected(id, `/${how}`)),
    /** @param {string} id @returns {Promise<null>} */
    deleteRejected: (id) => ask('DELETE', rejected(id)),

    /** @param {string} since the reader's midnight, RFC 3339 @returns {Promise<Overview>} */
    overview: (since) => ask('GET', at('api/v1/overview', { since })),
  };
}

/** @typedef {ReturnType<typeof makeLibraryClient>} LibraryClient */
