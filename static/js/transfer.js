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
 * @property {boolean} [insist] send it although the same bytes are there already
 *
 * @typedef {(event: string, facts?: object) => void} Tell
 */
import { delay } from './backoff.js';
import { Blocks } from './blocks.js';
import { Refusal, Stopped, Trouble } from './client.js';
import { asField, canDigest } from './digest.js';
import { Gate } from './gate.js';
import { adapted, firstSize, shrunk } from './pace.js';
import { prove } from './proof.js';
import { merge, nextSpan, total } from './ranges.js';
import { Speed } from './speed.js';

const LANES = 3;
/** Bytes of a file that is hashed before it is announced; a larger one is hashed while it is sent. */
const SOON_HASHED = 32 * 1024 * 1024;
const STILL_MS = 30_000;
const STILL_AFTER_TROUBLE_MS = 1_500;
const PROBE_WITHIN_MS = 1_200;
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
    this.curious = this.blocks !== null && order.id === null && !order.insist;
    this.client = client;
    this.tell = tell;
    this.gate = new Gate();
    /** @type {Upload | null} */
    this.upload = null;
    /** @type {Map<number, {span: Span, sent: number}>} */
    this.flying = new Map();
    this.speed = new Speed(0);
    /** bytes of the next slices, and the most that they may have */
    this.size = 0;
    this.most = 0;
    this.failures = 0;
    /** @type {unknown} what stopped the lanes */
    this.trouble = null;
    this.toldAt = 0;
    /** @type {number} ms, when the server was first asked to create; 0 before */
    this.askedAt = 0;
    this.waiting = false;
  }

  /** @returns {Promise<void>} after the last word was told */
  async run() {
    try {
      const fresh = this.id === null;
      if (fresh) this.#take(await this.#persist(() => this.#create()));
      await this.#alone(async () => {
        if (!fresh) this.#take(await this.#persist(() => this.#show()));
        if (!fresh && this.file && this.#state === 'receiving' && !(await this.#proven())) return;
        // Trouble here is the sending's to tell; nothing is lost but a chance to be quick.
        if (this.curious) this.#look().catch(() => undefined);
        if (this.file) await this.#send();
        await this.#follow();
      });
    } catch (error) {
      this.#conclude(error);
    }
  }

  pause() { this.gate.pause(); }
  resume() { this.gate.resume(); }
  tryNow() { this.gate.wake(); }
  end() { this.gate.end(); }

  /** The browser says the line is gone. It may be wrong (a server on this machine), so the server is asked. */
  async doubt() {
    if (!this.id || this.waiting) return;
    try {
      await this.#show(PROBE_WITHIN_MS);
    } catch {
      this.gate.cut(new Trouble('unreachable'));
    }
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
    this.size ||= firstSize(upload.slice_size);
    this.most ||= upload.slice_size;
  }

  /** @param {number} [within] ms */
  #show(within) {
    return this.client.show(/** @type {string} */ (this.id), { signal: this.gate.ended.signal, within });
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
    if (this.curious && length <= SOON_HASHED) {
      this.curious = false;
      this.announcement.content_hash = await this.#hash();
    }
    return this.#created(await this.client.create(this.announcement, this.gate.ended.signal));
  }

  /** @param {Upload} upload */
  #created(upload) {
    if (upload.state === 'spooled') this.tell('duplicate', { id: upload.id, twin: upload });
    else this.tell('created', { id: upload.id });
    return upload;
  }

  #hash() {
    return this.#reading(/** @type {Blocks} */ (this.blocks).contentHash(() => this.gate.open()));
  }

  /** Hashes ahead of the sending, which needs the same digests; ends the sending when the bytes are there already. */
  async #look() {
    const { length } = this.announcement;
    const hash = await this.#hash();
    const { uploads: [twin] } = await this.#persist(() => this.client.find(hash, length));
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
  async #alone(work) {
    const name = `media_service upload ${this.id}`;
    if (!this.file || !navigator.locks) return work();
    let ours = false;
    await navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
      ours = lock !== null;
      if (ours) await work();
    });
    if (ours) return;
    this.tell('hold');
    await navigator.locks.request(name, { signal: this.gate.ended.signal }, work).catch((error) => {
      throw error?.name === 'AbortError' ? new Stopped() : error;
    });
  }

  /** @returns {Promise<boolean>} false after telling that this is another file */
  async #proven() {
    const { id, upload, file } = /** @type {{id: string, upload: Upload, file: File}} */ (/** @type {any} */ (this));
    this.tell('proving', { received: upload.received, share: 0 });
    const recorded = await this.#persist(() => this.client.slices(id));
    const found = await this.#reading(prove(file, upload.length, recorded,
      (share) => this.#tellSometimes('proving', () => ({ share })), () => this.gate.open()));
    if (found === 'same') return true;
    this.tell('mismatch', { note: { code: found, size: file.size }, hasFile: false });
    return false;
  }

  async #send() {
    while (this.#state === 'receiving') {
      await this.gate.open();
      this.tell('sending', { received: this.upload?.received, rate: null });
      this.speed = new Speed(Date.now());
      this.trouble = null;
      await Promise.all(Array.from({ length: LANES }, (_, lane) => this.#lane(lane)));
      if (this.#state !== 'receiving') return;
      // All lanes came home content and yet it is not complete: the server dropped a slice. Ask again, but not in a rush.
      await this.#overcome(this.trouble ?? (this.gate.paused ? new Stopped() : new Trouble('storage_trouble')));
      this.#take(await this.#persist(() => this.#show()));
    }
  }

  /** One of the parallel ways; ends when nothing is left to take or when one of them met trouble. @param {number} lane */
  async #lane(lane) {
    while (!this.trouble && !this.gate.paused) {
      const { received, length } = /** @type {Upload} */ (this.upload);
      const taken = [...received, ...[...this.flying.values()].map((flight) => flight.span)];
      const span = nextSpan(taken, length, this.size);
      if (!span) return;
      this.flying.set(lane, { span, sent: 0 });
      try {
        const began = Date.now();
        this.speed.open(lane, span[1] - span[0], began);
        this.#take(await this.#post(lane, span), false);
        this.size = adapted(this.size, span[1] - span[0], Date.now() - began, this.most);
        this.speed.recorded(lane, Date.now());
        this.failures = 0;
      } catch (error) {
        if (error instanceof Trouble) this.size = shrunk(this.size, span[1] - span[0]) ?? this.size;
        if (!this.#smaller(error, span)) this.trouble ??= error;
      } finally {
        this.flying.delete(lane);
      }
      this.#tellProgress();
    }
  }

  /** @param {number} lane @param {Span} span @returns {Promise<Upload>} */
  async #post(lane, [start, stop]) {
    const slice = /** @type {File} */ (this.file).slice(start, stop);
    const digest = this.blocks ? asField(await this.#reading(this.blocks.digest(start, stop))) : null;
    const cut = new AbortController();
    this.gate.running.add(cut);
    let movedAt = Date.now();
    // A line that died without a word leaves the request hanging for minutes.
    const watch = setInterval(() => {
      const patience = this.trouble ? STILL_AFTER_TROUBLE_MS : STILL_MS;
      if (Date.now() - movedAt > patience) cut.abort(new Trouble('unreachable'));
    }, 500);
    try {
      if (this.gate.paused || this.gate.ended.signal.aborted) throw new Stopped();
      return await this.client.postSlice(/** @type {string} */ (this.id), start, slice, digest, {
        signal: cut.signal,
        progress: (sent) => {
          movedAt = Date.now();
          this.flying.set(lane, { span: [start, stop], sent });
          this.#tellProgress();
        },
      });
    } finally {
      clearInterval(watch);
      this.gate.running.delete(cut);
    }
  }

  /**
   * A slice too large for the server or for a proxy before it.
   * @param {unknown} error @param {Span} span @returns {boolean} whether smaller slices may help
   */
  #smaller(error, [start, stop]) {
    if (!(error instanceof Refusal) || error.status !== 413 || error.code === 'file_too_large') return false;
    const size = shrunk(this.size, stop - start, error.problem.limit);
    if (size === null) return false;
    this.size = this.most = size;
    return true;
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
  async #persist(step) {
    for (;;) {
      await this.gate.open();
      try {
        const answer = await step();
        this.waiting = false;
        return answer;
      } catch (error) {
        await this.#overcome(error);
      }
    }
  }

  /** Waits as long as this kind of trouble needs; throws what no waiting mends. @param {unknown} error */
  async #overcome(error) {
    if (error instanceof Stopped) return this.gate.open();
    const patient = error instanceof Trouble
      || (error instanceof Refusal && (RETRY_CODES.has(error.code) || needsSignIn(error)));
    if (!patient) throw error;
    this.failures += 1;
    const ms = delay(this.failures, error instanceof Trouble ? error.retryAfter : null);
    this.waiting = true;
    this.tell('wait', { why: error.code, until: Date.now() + ms, received: this.upload?.received ?? [] });
    await this.gate.sleep(ms);
    return this.gate.open();
  }

  async #follow() {
    for (let pause = POLL_MS.first; ; pause = Math.min(pause * 1.5, POLL_MS.most)) {
      const upload = /** @type {Upload} */ (this.upload);
      const event = { expired: 'gone', lost: 'gone', cancelled: 'gone' }[/** @type {string} */ (upload.state)];
      const problem = event ? { code: 'upload_gone', state: upload.state } : upload.problem;
      if (upload.state === 'receiving') return;
      // The server met a fault of its own; it tries again when it is started anew.
      const stuck = upload.problem && FINISHING.has(upload.state);
      this.tell(event ?? (stuck ? 'stuck' : upload.state), { received: upload.received, problem, findings: upload.findings });
      if (!FINISHING.has(upload.state)) return;
      await this.gate.sleep(pause);
      this.#take(await this.#persist(() => this.#show()));
    }
  }

  #tellProgress() {
    this.#tellSometimes('progress', () => ({
      received: this.upload?.received,
      flying: [...this.flying.values()].reduce((sum, flight) => sum + flight.sent, 0),
      rate: this.speed.rate(Date.now()),
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
