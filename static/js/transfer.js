/**
 * Uploads one file, in a Worker. It retries after every error; only a refusal or the user ends it. After an error the
 * server is asked what it has before a slice is sent, because a response may be lost although the slice was recorded.
 *
 * @typedef {import('./client.js').Client} Client
 * @typedef {import('./client.js').Upload} Upload
 * @typedef {import('./client.js').Announcement} Announcement
 * @typedef {import('./ranges.js').Span} Span
 *
 * @typedef {object} Order
 * @property {string} key
 * @property {File | null} file null: nothing to send, only follow its state
 * @property {string | null} id of an existing upload
 * @property {Announcement} announcement
 * @property {boolean} [force] send it even if the server has the same bytes
 *
 * @typedef {(event: string, facts?: object) => void} Tell
 */
import { delay } from './backoff.js';
import { Blocks } from './blocks.js';
import { Refusal, Stopped, Trouble, whyGone } from './client.js';
import { asField, canDigest } from './digest.js';
import { Lanes } from './lanes.js';
import { editTime } from './late-edits.js';
import { prove } from './verify-file.js';
import { merge, total } from './ranges.js';
import { TransferControl } from './transfer-control.js';

/** Maximum bytes of a file that is hashed before its upload is created; a larger one is hashed while it is sent. */
const SOON_HASHED = 32 * 1024 * 1024;
const TELL_EVERY_MS = 250;
const POLL_MS = { first: 500, most: 2_000 };
const RETRY_CODES = new Set(['digest_mismatch', 'superseded', 'wrong_state']);
const FINISHING = new Set(['received', 'verified']);
const GONE_CODES = new Set(['unknown_upload', 'upload_gone', 'cancelled_by_station']);
/** A sign-in may resolve a 401, and a proxy's 403. The service's own 403 is final. */
const needsSignIn = (/** @type {Refusal} */ error) => error.status === 401 || error.code === 'http_403';

/** The local file can no longer be read: changed, moved, or its disk removed. */
class FileLost extends Error {}

export class Transfer {
  /** @param {Order} order @param {Client} client @param {Tell} tell */
  constructor(order, client, tell) {
    this.file = order.file;
    this.id = order.id;
    this.announcement = order.announcement;
    this.blocks = order.file && canDigest ? new Blocks(order.file) : null;
    /** whether to ask the server if it has these bytes */
    this.checkDuplicate = this.blocks !== null && order.id === null && !order.force;
    this.client = client;
    this.tell = tell;
    this.control = new TransferControl();
    /** @type {Upload | null} */
    this.upload = null;
    /** @type {Lanes | null} */
    this.lanes = null;
    this.failures = 0;
    this.toldAt = 0;
    /** @type {number} ms of the first create request; 0 before */
    this.askedAt = 0;
    this.waiting = false;
  }

  /** @returns {Promise<void>} after the last event */
  async run() {
    try {
      const fresh = this.id === null;
      if (fresh) this.#take(await this.#retry(() => this.#create()));
      await this.#withLock(async () => {
        if (!fresh) this.#take(await this.#retry(() => this.#show()));
        if (!fresh && this.file && this.#state === 'receiving' && !(await this.#proven())) return;
        // Ignore this error: sending will report it, and only an optimization is lost.
        if (this.checkDuplicate) this.#look().catch(() => undefined);
        if (this.file) await this.#send();
        await this.#follow();
      });
    } catch (error) {
      this.#conclude(error);
    }
  }

  pause() { this.control.pause(); }
  resume() { this.control.resume(); }
  tryNow() { this.control.wake(); }
  end() { this.control.end(); }

  /** The browser reports that it is offline. It may be wrong (a server on this machine), so probe the server. */
  doubt() {
    if (this.id && !this.waiting) this.lanes?.doubt();
  }

  get #state() { return this.upload?.state; }

  /** @param {unknown} error */
  #conclude(error) {
    if (error instanceof Stopped) return;
    if (error instanceof FileLost) return this.tell('lost_file', { note: { code: 'unreadable' }, hasFile: false });
    if (!(error instanceof Refusal)) {
      this.tell('refused', { problem: { code: 'unexpected', detail: String(error) } });
      throw error;
    }
    if (error.code === 'slice_differs') this.tell('mismatch', { note: { code: 'content' }, hasFile: false });
    else if (GONE_CODES.has(error.code)) this.tell('gone', { problem: error.problem });
    else this.tell('refused', { problem: error.problem });
  }

  /** @param {Upload} upload @param {boolean} [whole] it replaces the known ranges instead of adding to them */
  #take(upload, whole = true) {
    if (!this.upload || whole) {
      this.upload = upload;
    } else if (this.#state === 'receiving' || upload.state !== 'receiving') {
      this.upload = { ...upload, received: merge([...this.upload.received, ...upload.received]) };
    }
    this.id = upload.id;
  }

  #show() {
    return this.client.show(/** @type {string} */ (this.id), { signal: this.control.ended.signal });
  }

  /** A create whose response was lost has left an empty upload: use it instead of a second one. */
  async #create() {
    const { filename, length } = this.announcement;
    if (this.failures > 0) {
      const { uploads } = await this.client.list({ state: 'receiving' });
      const ours = uploads.find((upload) => upload.length === length && upload.received.length === 0
        && upload.filename.normalize('NFC') === filename && Date.parse(upload.created_at) > this.askedAt - 60_000);
      if (ours) return this.#created(ours);
    }
    this.askedAt ||= Date.now();
    if (this.checkDuplicate && length <= SOON_HASHED) {
      this.checkDuplicate = false;
      this.announcement.content_hash = await this.#hash();
    }
    return this.#created(await this.client.create(this.announcement, this.control.ended.signal));
  }

  /** @param {Upload} upload */
  #created(upload) {
    if (upload.state === 'spooled') this.tell('duplicate', { id: upload.id, twin: upload });
    else this.tell('created', { id: upload.id });
    return upload;
  }

  #hash() {
    return this.#reading(/** @type {Blocks} */ (this.blocks).contentHash(() => this.control.open()));
  }

  /** Hashes ahead of sending, which needs the same digests; ends sending if the server has the bytes. */
  async #look() {
    const { length } = this.announcement;
    const hash = await this.#hash();
    const { uploads: [twin] } = await this.#retry(() => this.client.find(hash, length));
    if (!twin || this.#state !== 'receiving' || total(this.upload?.received ?? []) === length) return;
    this.tell('duplicate', { id: twin.id, twin, received: [] });
    const { id } = this;
    this.end();
    await this.client.cancel(/** @type {string} */ (id));
  }

  /**
   * One upload is sent by one tab. Without the Web Locks API (plain HTTP) the server's "newest writer wins" is enough.
   * @param {() => Promise<void>} work
   */
  async #withLock(work) {
    const name = `media_service upload ${this.id}`;
    if (!this.file || !navigator.locks) return work();
    let ours = false;
    await navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
      ours = lock !== null;
      if (ours) await work();
    });
    if (ours) return;
    this.tell('hold');
    await navigator.locks.request(name, { signal: this.control.ended.signal }, work).catch((error) => {
      throw error?.name === 'AbortError' ? new Stopped() : error;
    });
  }

  /** @returns {Promise<boolean>} false if this is another file, which was reported */
  async #proven() {
    const { id, upload, file } = /** @type {{id: string, upload: Upload, file: File}} */ (/** @type {any} */ (this));
    this.tell('proving', { received: upload.received, share: 0 });
    const recorded = await this.#retry(() => this.client.slices(id));
    const found = await this.#reading(prove(file, upload.length, recorded,
      (share) => this.#tellSometimes('proving', () => ({ share })), () => this.control.open()));
    if (found === 'same') return true;
    this.tell('mismatch', { note: { code: found, size: file.size }, hasFile: false });
    return false;
  }

  async #send() {
    this.lanes ??= this.#makeLanes();
    while (this.#state === 'receiving') {
      await this.control.open();
      this.tell('sending', { received: this.upload?.received, rate: null });
      const trouble = await this.lanes.run();
      // A pause lets open slices end; now there are none.
      if (this.control.paused) this.tell('progress', { received: this.upload?.received, flying: 0 });
      if (this.#state !== 'receiving') return;
      // All lanes succeeded but the upload is incomplete: the server dropped a slice. Ask again, after a delay.
      await this.#backOff(trouble ?? (this.control.paused ? new Stopped() : new Trouble('storage_error')));
      this.#take(await this.#retry(() => this.#show()));
    }
  }

  #makeLanes() {
    const file = /** @type {File} */ (this.file);
    return new Lanes({
      client: this.client,
      control: this.control,
      upload: () => /** @type {Upload} */ (this.upload),
      take: (upload) => {
        this.#take(upload, false);
        this.failures = 0;
      },
      slice: ([start, stop]) => file.slice(start, stop),
      digest: async (span) => (this.blocks ? asField(await this.#reading(this.blocks.digest(...span))) : null),
      progress: () => this.#tellProgress(),
    }, /** @type {Upload} */ (this.upload).slice_size);
  }

  /**
   * Converts errors of reading the file.
   * @template T @param {Promise<T>} promise @returns {Promise<T>}
   */
  async #reading(promise) {
    try {
      return await promise;
    } catch (error) {
      throw error instanceof DOMException ? new FileLost() : error;
    }
  }

  /**
   * Repeats a request until it gets a response.
   * @template T @param {() => Promise<T>} step @returns {Promise<T>}
   */
  async #retry(step) {
    for (;;) {
      await this.control.open();
      try {
        const answer = await step();
        this.waiting = false;
        return answer;
      } catch (error) {
        await this.#backOff(error);
      }
    }
  }

  /** Waits as long as this error needs; throws errors that waiting cannot resolve. @param {unknown} error */
  async #backOff(error) {
    if (error instanceof Stopped) return this.control.open();
    const patient = error instanceof Trouble
      || (error instanceof Refusal && (RETRY_CODES.has(error.code) || needsSignIn(error)));
    if (!patient) throw error;
    this.failures += 1;
    const ms = delay(this.failures, error instanceof Trouble ? error.retryAfter : null);
    this.waiting = true;
    this.tell('wait', { why: error.code, until: Date.now() + ms, received: this.upload?.received ?? [] });
    await this.control.sleep(ms);
    return this.control.open();
  }

  async #follow() {
    for (let pause = POLL_MS.first; ; pause = Math.min(pause * 1.5, POLL_MS.most)) {
      const upload = /** @type {Upload} */ (this.upload);
      const event = { expired: 'gone', lost: 'gone', cancelled: 'gone' }[/** @type {string} */ (upload.state)];
      const problem = event ? whyGone(upload) : upload.problem;
      if (upload.state === 'receiving') return;
      // The server had an internal error; it retries after a restart.
      const stuck = upload.problem && FINISHING.has(upload.state);
      this.tell(event ?? (stuck ? 'stuck' : upload.state), {
        received: upload.received, problem, findings: upload.findings, editableUntil: editTime(upload, Date.now()),
      });
      if (!FINISHING.has(upload.state)) return;
      await this.control.sleep(pause);
      this.#take(await this.#retry(() => this.#show()));
    }
  }

  #tellProgress() {
    this.#tellSometimes('progress', () => ({
      received: this.upload?.received,
      flying: this.lanes?.sent ?? 0,
      ahead: this.lanes?.ahead ?? 0,
      rate: this.lanes?.rate ?? null,
    }));
  }

  /** @param {string} event @param {() => object} facts */
  #tellSometimes(event, facts) {
    const now = Date.now();
    if (now - this.toldAt < TELL_EVERY_MS) return;
    this.toldAt = now;
    this.tell(event, facts());
  }
}
