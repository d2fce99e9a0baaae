/**
 * Client of the library's requests. Only this file and `client.js` know the service's URLs.
 */
import { makeClient } from '../client.js';

/** Rewriting the tags of a large file may take this long. */
const EDIT_WITHIN_MS = 300_000;
const HISTORY_ROWS = '20';

/** @typedef {{id: string, spooled_sha256: string}} Seen a file, and the version of it that the reader sees */

/** @param {string} base the page's own folder, absolute, with a slash at its end */
export function makeLibraryClient(base) {
  const client = makeClient(base);
  const one = (/** @type {string} */ id, rest = '') => client.at(`api/v1/files/${encodeURIComponent(id)}${rest}`);
  return {
    ...client,
    /** @param {{q?: string, collection?: string, sort?: string, cursor?: string, limit?: string}} query */
    files: (query) => client.ask('GET', client.at('api/v1/files', query)),
    /** @param {string} id */
    file: (id) => client.ask('GET', one(id)),
    /** @param {Seen} seen @param {{tags?: Record<string, string | null>, chapters?: import('./panel/draft.js').Chapter[]}} change */
    edit: ({ id, spooled_sha256: match }, change) => client.ask('PATCH', one(id), { body: change, match, within: EDIT_WITHIN_MS }),
    /** @param {string} id @param {string} version changes with the picture @returns {string} the URL of its cover */
    coverUrl: (id, version) => client.at(one(id, '/cover').href, { v: version }).href,
    /** @param {Seen} seen @param {Blob} picture */
    setCover: ({ id, spooled_sha256: match }, picture) => client.ask('PUT', one(id, '/cover'), { body: picture, match, within: EDIT_WITHIN_MS }),
    /** @param {Seen} seen */
    removeCover: ({ id, spooled_sha256: match }) => client.ask('DELETE', one(id, '/cover'), { match, within: EDIT_WITHIN_MS }),
    /** What was done with a file. @param {string} id @returns {Promise<import('./people-client.js').AuditEntry[]>} newest first */
    history: async (id) => (await client.ask('GET', client.at('api/v1/audit', { subject: id, limit: HISTORY_ROWS }))).entries,
    /** Throws if the bytes at a URL cannot be had. @param {string} url @returns {Promise<null>} */
    probe: (url) => client.ask('HEAD', new URL(url)),
    /** @param {string} id @returns {string} the URL of a download */
    content: (id) => one(id, '/content').href,
    /** @param {string} id @returns {string} the URL for a player: no redirect, whose URL would expire while it pauses */
    stream: (id) => one(id, '/content?stream').href,
  };
}

/** @typedef {ReturnType<typeof makeLibraryClient>} LibraryClient */
