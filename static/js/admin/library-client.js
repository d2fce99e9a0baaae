/**
 * Client of the library's requests. Only this file and `client.js` know the service's URLs.
 */
import { makeClient } from '../client.js';

/** Rewriting the tags of a large file may take this long. */
const EDIT_WITHIN_MS = 300_000;

/** @param {string} base the page's own folder, absolute, with a slash at its end */
export function makeLibraryClient(base) {
  const client = makeClient(base);
  return {
    ...client,
    /** @param {{q?: string, collection?: string, sort?: string, cursor?: string, limit?: string}} query */
    files: (query) => client.ask('GET', client.at('api/v1/files', query)),
    /** @param {string} id */
    file: (id) => client.ask('GET', client.at(`api/v1/files/${encodeURIComponent(id)}`)),
    /** @param {{id: string, spooled_sha256: string}} seen @param {Record<string, string | null>} tags */
    retag: ({ id, spooled_sha256: match }, tags) => client.ask('PATCH', client.at(`api/v1/files/${encodeURIComponent(id)}`), {
      body: { tags }, match, within: EDIT_WITHIN_MS,
    }),
    /** @param {string} id @returns {string} the URL of a download */
    content: (id) => client.at(`api/v1/files/${encodeURIComponent(id)}/content`).href,
    /** @param {string} id @returns {string} the URL for a player: no redirect, whose URL would expire while it pauses */
    stream: (id) => client.at(`api/v1/files/${encodeURIComponent(id)}/content?stream`).href,
  };
}

/** @typedef {ReturnType<typeof makeLibraryClient>} LibraryClient */
