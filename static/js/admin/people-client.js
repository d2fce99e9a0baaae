/**
 * Client of the requests about people, links, tokens, shows and the audit trail. Objects are those of docs/api.md.
 *
 * @typedef {{files: number | null, bytes: number | null, file_bytes: number | null}} OwnerLimits
 * @typedef {{files: number, bytes: number, reserved_files: number, reserved_bytes: number}} Usage
 *
 * @typedef {object} Person
 * @property {string} id
 * @property {string} name
 * @property {'admin' | 'editor' | 'sender'} role
 * @property {'all' | string[]} collections slugs
 * @property {OwnerLimits} limits
 * @property {Usage} usage
 * @property {boolean} has_password
 * @property {string} created_at
 * @property {string | null} seen_at
 * @property {string | null} disabled_at
 * @property {string} [invitation_url] of a new one without a password
 *
 * @typedef {object} GuestLink
 * @property {string} id
 * @property {string} title
 * @property {string} note
 * @property {{name: string, email: string, title: string}} asks each `no`, `optional` or `required`
 * @property {string | null} opens_at
 * @property {string | null} expires_at
 * @property {number | null} files_max
 * @property {number | null} bytes_max
 * @property {number | null} file_bytes_max
 * @property {boolean} has_passphrase
 * @property {string | null} collection slug
 * @property {string[]} allowed_origins
 * @property {string | null} reference
 * @property {'open' | 'early' | 'expired' | 'closed'} state
 * @property {{id: string, name: string} | null} created_by
 * @property {Usage} usage
 * @property {string} [url] with the secret; only when it was made
 * @property {string} [qr_svg]
 *
 * @typedef {object} ApiToken
 * @property {string} id
 * @property {string} name
 * @property {string[]} scopes
 * @property {string | null} collection slug
 * @property {{id: string, name: string}} owner
 * @property {string} created_at
 * @property {string | null} expires_at
 * @property {string | null} used_at
 * @property {string | null} revoked_at
 * @property {string} [token] only when it was made
 *
 * @typedef {object} Session of a browser that is signed in
 * @property {string} id
 * @property {string} agent
 * @property {string | null} address
 * @property {string} created_at
 * @property {boolean} [current]
 *
 * @typedef {object} Show a collection
 * @property {string} id
 * @property {string} slug
 * @property {string} title
 * @property {Record<string, string>} default_tags
 * @property {boolean} has_cover
 * @property {number | null} bytes_max
 * @property {Usage} usage
 * @property {string | null} archived_at
 *
 * @typedef {object} AuditEntry
 * @property {number} id
 * @property {string} at
 * @property {{id: string, name: string} | null} actor
 * @property {string | null} address
 * @property {string} action
 * @property {{id: string, name: string} | null} subject
 * @property {string} outcome
 * @property {Record<string, any>} details
 */

const PAGE = '50';
/** Hashing a password waits for its turn. */
const PASSWORD_WITHIN_MS = 60_000;

/** @param {import('./library-client.js').LibraryClient} client */
export function makePeopleClient({ ask, at }) {
  const one = (/** @type {string} */ kind, /** @type {string} */ id, rest = '') => at(`api/v1/${kind}/${encodeURIComponent(id)}${rest}`);

  /**
   * @param {string} kind
   * @param {Record<string, string | undefined>} [query]
   * @returns {Promise<{rows: any[], next: string | null}>}
   */
  async function page(kind, query = {}) {
    const answer = await ask('GET', at(`api/v1/${kind}`, { limit: PAGE, ...query }));
    return { rows: answer[kind === 'audit' ? 'entries' : kind], next: answer.next ?? null };
  }
  /** @param {string} kind @param {object} body */
  const add = (kind, body) => ask('POST', at(`api/v1/${kind}`), { body, within: PASSWORD_WITHIN_MS });
  /** @param {string} kind @param {string} id @param {object} body */
  const change = (kind, id, body) => ask('PATCH', one(kind, id), { body, within: PASSWORD_WITHIN_MS });

  return {
    page, add, change,
    /** @param {string} id @returns {Promise<{url: string, expires_at: string}>} */
    invite: (id) => ask('POST', one('people', id, '/invitation')),
    /** @param {string} id */
    signOutEverywhere: (id) => ask('DELETE', one('people', id, '/sessions')),
    /** @param {string} id @param {string} files `keep` or `delete` what was sent */
    erase: (id, files) => ask('DELETE', at(one('people', id).href, { files })),
    /** @param {string} id @returns {Promise<GuestLink>} with a new address */
    renew: (id) => ask('POST', one('links', id, '/secret')),
    /** @param {string} id */
    revoke: (id) => ask('DELETE', one('tokens', id)),
    /** @param {string} id */
    endSession: (id) => ask('DELETE', one('sessions', id)),
    /** @param {string} slug @param {Blob} picture */
    cover: (slug, picture) => ask('PUT', one('collections', slug, '/cover'), { body: picture }),
    /** @param {string} slug */
    removeCover: (slug) => ask('DELETE', one('collections', slug, '/cover')),
    /** @returns {Promise<Show[]>} those that may be used */
    shows: async () => (await page('collections', { limit: '200' })).rows.filter(({ archived_at: archived }) => !archived),
    /** @param {Record<string, string | undefined>} query @returns {string} URL of the entries as lines of JSON */
    auditExport: (query) => at('api/v1/audit', { ...query, format: 'ndjson' }).href,
  };
}

/** @typedef {ReturnType<typeof makePeopleClient>} PeopleClient */
