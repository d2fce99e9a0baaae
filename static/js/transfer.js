/**
 * The way of one file to the server, in a Worker. It never gives up by itself: trouble waits and tries again, only a
 * refusal or a person ends it. After every trouble the server is asked what it holds before a slice is sent, because an
 * answer may have been lost on its way while the slice was recorded.
 *
 * @typedef {import('./client.js').Client} Client
 * @typedef {import('./client.js').Upload} Upload
 * @typedef {import('./client.js').Announcement} Announcement
 * @typedef {import('./ranges.js').Span} Span
 *
 * @typedef {object} Order
 * @property {string} key
 * @property {File | null} file null: nothing to send, only follow what becomes of it
 * @property {string | null} id of an upload that the server already has
 * @property {Announcement} announcement
 * @property {boolean} [force] send it although the same bytes are there already
 *
 * @typedef {(event: string, facts?: object) => void} Tell
 */
import { delay } from './backoff.js';
import { Blocks } from './blocks.js';
import { editTime, Refusal, Stopped, Trouble } from './client.js';
import { asField, canDigest } from './digest.js';
import { Lanes } from './lanes.js';
import { prove } from './verify-file.js';
import { merge, total } from './ranges.js';
import { TransferControl } from './transfer-control.js';

/** Bytes of a file that is hashed before it is announced; a larger one is hashed while it is sent. */
const SOON_HASHED = 32 * 1024 * 1024;
const TELL_EVERY_MS = 250;
const POLL_MS = { first: 500, most: 2_000 };
const RETRY_CODES = new Set(['digest_mismatch', 'superseded', 'wrong_state']);
const FINISHING = new Set(['received', 'verified']);
const GONE_CODES = new Set(['unknown_upload', 'upload_gone']);
/** A sign-in may end these: 401, and a 403 that a proxy says. The service's own 403 says the same again later. */
const needsSignIn = (/** @type {Refusal} */ error) => error.status === 401 || error.code === 'http_403';

/** The local file cannot be read any more: changed, moved, or its disk is gone. */
class FileLost extends Error {}

export class Transfer {
  /** @param {Order} order @param {Client} client @param {Tell} tell */
  constructor(order, client, tell) {
    this.file = order.file;
    this.id = order.id;
    this.announcement = order.announcement;
    this.blocks = order.file && canDigest ? new Blocks(order.file) : null;
    /** whether the server shall be asked if it has these bytes */
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
    /** @type {number} ms, when the server was first asked to create; 0 before */
    this.askedAt = 0;
    this.waiting = false;
  }

  /** @returns {Promise<void>} after the last word was told */
  async run() {
    try {
      const fresh = this.id === null;
      if (fresh) this.#take(await this.#retry(() => this.#create()));
      await this.#withLock(async () => {
        if (!fresh) this.#take(await this.#retry(() => this.#show()));
        if (!fresh && this.file && this.#state === 'receiving' && !(await this.#proven())) return;
        // Trouble here is the sending's to tell; nothing is lost but a chance to be quick.
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

  /** The browser says the line is gone. It may be wrong (a server on this machine), so the server is asked. */
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

  /** @param {Upload} upload @param {boolean} [whole] it replaces what we believed, instead of adding to it */
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

  /** A create whose answer was lost left an empty upload behind: it is adopted, not doubled. */
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

  /** Hashes ahead of the sending, which needs the same digests; ends the sending when the bytes are there already. */
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
   * One upload is sent by one tab. Where there are no locks (plain HTTP) the server's "newest writer wins" is enough.
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

  /** @returns {Promise<boolean>} false after telling that this is another file */
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
      // A pause lets open slices end; now none is.
      if (this.control.paused) this.tell('progress', { received: this.upload?.received, flying: 0 });
      if (this.#state !== 'receiving') return;
      // All lanes came home content and yet it is not complete: the server dropped a slice. Ask again, but not in a rush.
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
   * The file itself may fail while it is read.
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
   * Repeats a step until it is answered.
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

  /** Waits as long as this kind of trouble needs; throws what no waiting mends. @param {unknown} error */
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
      const problem = event ? { code: 'upload_gone', state: upload.state } : upload.problem;
      if (upload.state === 'receiving') return;
      // The server met a fault of its own; it tries again when it is started anew.
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
