/**
 * Client of the API: the only file that knows the service's URLs and errors.
 *
 * @typedef {import('./ranges.js').Span} Span
 * @typedef {{title?: string, artist?: string, album?: string, date?: string, genre?: string, comment?: string}} Tags
 *
 * @typedef {object} Problem RFC 9457; `code` is stable, further fields depend on it
 * @property {string} code
 * @property {number} [status]
 * @property {string} [title]
 * @property {string} [detail]
 * @property {string} [field] of a malformed request
 * @property {number} [limit] bytes
 * @property {string} [reason] that the station gave for cancelling an upload
 *
 * @typedef {object} Finding of the server about a file
 * @property {string} code
 * @property {'info' | 'warn' | 'reject'} severity
 * @property {string | number | null} [actual]
 * @property {number | null} [start_seconds] position in the audio
 * @property {number | null} [stop_seconds]
 *
 * @typedef {object} Upload as in the API; sizes in bytes, times RFC 3339
 * @property {string} id
 * @property {'receiving'|'received'|'verified'|'spooled'|'rejected'|'cancelled'|'expired'|'lost'} state
 * @property {string} filename
 * @property {number} length
 * @property {number} offset
 * @property {Span[]} received
 * @property {number} slice_size
 * @property {number} [slice_limit]
 * @property {Tags | null} tags
 * @property {string | null} sender
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} [editable_until] time until which the details of a finished upload may change
 * @property {Problem | null} problem
 * @property {{id: string, url: string} | null} file
 * @property {Finding[]} findings
 * @property {string | null} [digest] SHA-256 in hex
 * @property {number | null} [duration] seconds of audio, once verified
 * @property {'ok'|'warn'|'reject'|null} [verdict]
 * @property {boolean} [short] in a list: the upload has more details than this row
 * @property {boolean} [mine] of a single upload: this browser may change it
 *
 * @typedef {object} Limits in bytes: of a file, of a file with the current free space, of a slice
 * @property {number} file
 * @property {number} largest
 * @property {number} slice
 * @property {number} [quarantine_lifetime] seconds that a rejected file is kept
 *
 * @typedef {object} Me who sends the requests
 * @property {'person' | 'link' | 'browser' | 'admin_token'} kind
 * @property {string | null} id of the person or the link
 * @property {string | null} name
 * @property {string[]} scopes
 * @property {{slug: string, title: string}[] | null} collections that may be used; null for all
 * @property {boolean} signed_in
 * @property {boolean} may_upload
 *
 * @typedef {object} Announcement request that creates an upload
 * @property {string} filename
 * @property {number} length
 * @property {string} [last_modified]
 * @property {Tags} [tags]
 * @property {string} [sender]
 * @property {string} [email]
 * @property {string} [collection] slug of a show
 * @property {string} [content_hash] hex
 */

const ANSWER_WITHIN_MS = 30_000;
/** Passwords are hashed one after the other. */
const PASSWORD_WITHIN_MS = 60_000;
const GUEST_ROWS = '100';

/** A final 4xx response: the same request would fail again. */
export class Refusal extends Error {
  /** @param {Problem} problem @param {number} status */
  constructor(problem, status) {
    super(problem.detail || problem.title || problem.code);
    this.problem = problem;
    this.code = problem.code;
    this.status = status;
  }
}

/** No response, or a server error: the same request may succeed later. */
export class Trouble extends Error {
  /**
   * @param {string} code a problem's code, or `unreachable`
   * @param {number | null} retryAfter seconds
   */
  constructor(code, retryAfter = null) {
    super(code);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The caller ended the request. */
export class Stopped extends Error {}

/**
 * @param {number} status
 * @param {string} text the response's body
 * @param {string | null} retryAfter the header
 * @returns {Refusal | Trouble}
 */
export function failure(status, text, retryAfter) {
  /** @type {Problem} */
  let problem = { code: status === 413 ? 'proxy_too_large' : `http_${status}` };
  try {
    const told = JSON.parse(text);
    if (typeof told?.code === 'string') problem = told;
  } catch {
    // A proxy's page instead of our problem object: only the status is known.
  }
  const again = status >= 500 || status === 408 || status === 425 || status === 429 || status === 0;
  const seconds = Number.parseFloat(retryAfter ?? '');
  return again ? new Trouble(problem.code, Number.isFinite(seconds) ? seconds : null) : new Refusal(problem, status);
}

/**
 * @param {Upload} upload that was cancelled, has expired or was lost
 * @returns {Problem & {state?: string}} why: the station may have said it
 */
export const whyGone = ({ state, problem }) => (
  problem?.code === 'cancelled_by_station' ? problem : { code: 'upload_gone', state }
);

/**
 * @param {string} base absolute URL of the page's folder, with a slash at its end; a Worker's own is another one
 * @param {() => void} [shutOut] called when a request needs a sign-in
 * @param {string} [secret] of the guest link by which everything is sent
 */
export function makeClient(base, shutOut, secret = '') {
  /** @param {string} path @param {Record<string, string | undefined>} [query] */
  const at = (path, query = {}) => {
    const url = new URL(path, base);
    for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
    return url;
  };
  const upload = (/** @type {string} */ id) => `api/v1/uploads/${encodeURIComponent(id)}`;

  /**
   * @param {string} method
   * @param {URL} url
   * @param {{body?: unknown, signal?: AbortSignal, within?: number, match?: string}} [options] `within` in ms
   * @returns {Promise<any>} parsed JSON, or null for an empty response
   */
  async function ask(method, url, { body, signal, within = ANSWER_WITHIN_MS, match } = {}) {
    const limit = new AbortController();
    const end = () => limit.abort();
    const timer = setTimeout(end, within);
    signal?.addEventListener('abort', end, { once: true });
    try {
      /** @type {Record<string, string>} */
      const headers = body === undefined || body instanceof Blob ? {} : { 'Content-Type': 'application/json' };
      if (match) headers['If-Match'] = `"${match}"`;
      if (secret) headers.Authorization = `Bearer ${secret}`;
      const answer = await fetch(url, {
        method, headers, body: body === undefined || body instanceof Blob ? body : JSON.stringify(body), signal: limit.signal,
        cache: 'no-store',
      });
      const text = await answer.text();
      if (answer.status === 401) shutOut?.();
      if (!answer.ok) throw failure(answer.status, text, answer.headers.get('Retry-After'));
      return text ? JSON.parse(text) : null;
    } catch (error) {
      if (error instanceof Refusal || error instanceof Trouble) throw error;
      if (signal?.aborted) throw new Stopped();
      throw new Trouble('unreachable');
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }

  return {
    /** @param {Announcement} announcement @param {AbortSignal} [signal] @returns {Promise<Upload>} */
    create: (announcement, signal) => ask('POST', at('api/v1/uploads'), { body: announcement, signal }),

    /** @param {string} id @param {{signal?: AbortSignal, within?: number}} [options] @returns {Promise<Upload>} */
    show: (id, options) => ask('GET', at(upload(id)), options),

    /**
     * @param {{state: string, scope?: string, cursor?: string, limit?: string}} query
     * @returns {Promise<{uploads: Upload[], next: string | null}>}
     */
    async list({ state, ...query }) {
      if (!secret) return ask('GET', at('api/v1/uploads', { state, ...query }));
      // What was sent by the link, also after its end. It has no filter, so a short page might lack what is looked for.
      const { uploads, next } = await ask('GET', at(`u/${secret}/uploads`, { ...query, limit: GUEST_ROWS }));
      return { uploads: uploads.filter((/** @type {Upload} */ one) => state.split(',').includes(one.state)), next };
    },

    /**
     * The finished upload of the same bytes, or none.
     * @param {string} hash hex content hash @param {number} length bytes @returns {Promise<{uploads: Upload[]}>}
     */
    find: (hash, length) => ask('GET', at('api/v1/uploads', { content_hash: hash, length: String(length) })),

    /** @param {string} id @returns {Promise<import('./verify-file.js').Recorded[]>} */
    slices: (id) => ask('GET', at(`${upload(id)}/slices`)),

    /** @returns {Promise<Limits>} */
    limits: () => ask('GET', at('api/v1/limits')),

    /** @param {string} id @param {{tags?: Tags, sender?: string}} details @returns {Promise<Upload>} */
    amend: (id, details) => ask('PATCH', at(upload(id)), { body: details }),

    /** @param {string} id @param {Blob} picture @returns {Promise<Upload>} */
    cover: (id, picture) => ask('PUT', at(`${upload(id)}/cover`), { body: picture, within: 10 * ANSWER_WITHIN_MS }),

    /** @param {string} id @returns {Promise<null>} */
    cancel: (id) => ask('DELETE', at(upload(id))),

    /**
     * Sends a slice. XHR, because fetch has no upload progress.
     *
     * @param {string} id
     * @param {number} offset bytes
     * @param {Blob} slice
     * @param {string | null} digest RFC 9530 field
     * @param {{signal: AbortSignal, progress: (bytes: number) => void}} options aborting rejects with `signal.reason`
     * @returns {Promise<Upload>}
     */
    postSlice(id, offset, slice, digest, { signal, progress }) {
      const form = new FormData();
      form.append('offset', String(offset));
      if (digest) form.append('digest', digest);
      form.append('slice', slice, 'slice');
      return new Promise((resolve, reject) => {
        const xhr = new XMLHttpRequest();
        const stop = () => { xhr.abort(); reject(signal.reason); };
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        xhr.upload.onprogress = (event) => progress(Math.min(event.loaded, slice.size));
        xhr.onerror = () => reject(new Trouble('unreachable'));
        xhr.onload = () => {
          if (xhr.status !== 200) return reject(failure(xhr.status, xhr.responseText, xhr.getResponseHeader('Retry-After')));
          try {
            resolve(JSON.parse(xhr.responseText));
          } catch {
            // A captive portal responds to everything with 200.
            reject(new Trouble('unreachable'));
          }
        };
        xhr.onloadend = () => signal.removeEventListener('abort', stop);
        xhr.open('POST', at(`${upload(id)}/slices`));
        if (secret) xhr.setRequestHeader('Authorization', `Bearer ${secret}`);
        xhr.send(form);
      });
    },

    /** @param {Record<string, string>} body name and password, an invitation, or the admin token @returns {Promise<null>} */
    signIn: (body) => ask('POST', at('session'), { body, within: PASSWORD_WITHIN_MS }),

    /** @returns {Promise<null>} */
    signOut: () => ask('DELETE', at('session')),

    /** @returns {Promise<Me>} */
    me: () => ask('GET', at('api/v1/me')),

    /** @returns {Promise<{slug: string, title: string, archived_at: string | null}[]>} shows that may be used */
    shows: async () => (await ask('GET', at('api/v1/collections', { limit: '200' }))).collections,

    /** @param {string} secret @returns {Promise<import('./people/guest-page.js').Link>} */
    link: (secret) => ask('GET', at(`u/${secret}/link`)),

    /** @param {string} secret @param {string} passphrase @returns {Promise<null>} */
    enter: (secret, passphrase) => ask('POST', at(`u/${secret}/passphrase`), { body: { passphrase }, within: PASSWORD_WITHIN_MS }),
    at, ask,
  };
}

/** @typedef {ReturnType<typeof makeClient>} Client */
