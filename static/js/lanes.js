/**
 * Sends the slices of one upload over parallel lanes: which span is next, timeouts, speed. Ends when nothing is left to
 * send, on a pause, or at the first error.
 *
 * @typedef {import('./client.js').Upload} Upload
 * @typedef {import('./ranges.js').Span} Span
 *
 * @typedef {object} Source interface to the transfer
 * @property {import('./client.js').Client} client
 * @property {import('./transfer-control.js').TransferControl} control
 * @property {() => Upload} upload in its current state
 * @property {(upload: Upload) => void} take the server's response to a slice
 * @property {(span: Span) => Blob} slice
 * @property {(span: Span) => Promise<string | null>} digest RFC 9530 field, null without WebCrypto
 * @property {() => void} progress called after progress
 */
import { Refusal, Stopped, Trouble } from './client.js';
import { Pace } from './pace.js';
import { patience } from './patience.js';
import { merge, nextSpan, total } from './ranges.js';
import { Speed } from './speed.js';

const LOOK_EVERY_MS = 500;

/** The response to a slice was lost, but the server has the slice. */
class Recorded extends Error {
  /** @param {Upload} upload */
  constructor(upload) {
    super('recorded');
    this.upload = upload;
  }
}

/** @returns {number} ms of the fastest small request; 0 if none was timed */
function roundTrip() {
  const timed = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType('resource'));
  const waits = timed.filter(({ initiatorType, requestStart }) => initiatorType === 'fetch' && requestStart > 0)
    .map(({ requestStart, responseStart }) => responseStart - requestStart).filter((ms) => ms > 0);
  return waits.length > 0 ? Math.min(...waits) : 0;
}

export class Lanes {
  /** @param {Source} source @param {number} proposed bytes, the server's `slice_size` */
  constructor(source, proposed) {
    this.source = source;
    this.pace = new Pace(proposed);
    this.speed = new Speed(Date.now());
    /** @type {Map<number, {span: Span, sent: number}>} by lane */
    this.flying = new Map();
    /** @type {Map<number, Promise<void>>} by lane */
    this.running = new Map();
    /** @type {unknown} the error that ended the lanes */
    this.trouble = null;
  }

  /** @returns {Promise<unknown>} the error that ended sending; null if nothing is left or on a pause */
  async run() {
    this.trouble = null;
    this.speed = new Speed(Date.now(), roundTrip());
    this.#open();
    while (this.running.size > 0) await Promise.race(this.running.values());
    return this.trouble;
  }

  /** bytes sent that the server has not recorded yet */
  get sent() { return [...this.flying.values()].reduce((sum, { sent }) => sum + sent, 0); }

  /** bytes in flight that have probably arrived */
  get ahead() { return this.speed.underWay(Date.now()); }

  /** @returns {number | null} bytes per second */
  get rate() { return this.speed.rate(Date.now()); }

  /** The browser or another lane reports a lost connection. It may be wrong, so probe the server. */
  async doubt() {
    const { client, control, upload } = this.source;
    const { id } = upload();
    try {
      await client.show(id, { signal: control.ended.signal, within: this.#patience().probe });
    } catch {
      control.cut(new Trouble('unreachable'));
    }
  }

  get #stopped() { return this.trouble !== null || this.source.control.paused; }

  #patience() {
    const open = [...this.flying.values()].reduce((sum, { span: [start, stop] }) => sum + stop - start, 0);
    return patience(open, this.speed.measured);
  }

  /** Opens lanes up to the current limit. */
  #open() {
    for (let lane = 0; lane < this.pace.lanes && !this.#stopped; lane += 1) {
      if (this.running.has(lane)) continue;
      const work = this.#lane(lane).finally(() => this.running.delete(lane));
      this.running.set(lane, work);
    }
  }

  /** @param {number} lane */
  async #lane(lane) {
    // Callers set `running` first.
    await null;
    while (!this.#stopped && lane < this.pace.lanes) {
      const { received, length } = this.source.upload();
      const span = nextSpan([...received, ...[...this.flying.values()].map((flight) => flight.span)], length, this.pace.size);
      if (!span) return;
      await this.#slice(lane, span);
      this.source.progress();
    }
  }

  /** @param {number} lane @param {Span} span */
  async #slice(lane, span) {
    const size = span[1] - span[0];
    const began = Date.now();
    this.flying.set(lane, { span, sent: 0 });
    this.speed.opened(lane, size, began);
    try {
      this.source.take(await this.#post(lane, span));
      const now = Date.now();
      this.speed.recorded(lane, now);
      this.pace.recorded(size, now - began, /** @type {number} */ (this.speed.measured));
      this.#open();
    } catch (error) {
      this.speed.lost(lane, Date.now());
      this.#failed(error, size);
    } finally {
      this.flying.delete(lane);
    }
  }

  /** @param {unknown} error @param {number} size bytes of the slice that failed */
  #failed(error, size) {
    const tooLarge = error instanceof Refusal && error.status === 413 && error.code !== 'file_too_large';
    if (tooLarge && this.pace.tooLarge(size, error.problem.limit)) return;
    if (error instanceof Trouble) {
      this.pace.slower(size);
      // One connection may be gone, or all of them.
      if (!this.trouble && this.running.size > 1) this.doubt();
    }
    this.trouble ??= error;
  }

  /** @param {number} lane @param {Span} span @returns {Promise<Upload>} */
  async #post(lane, span) {
    const { client, control, upload, slice, digest, progress } = this.source;
    const proof = await digest(span);
    if (control.paused || control.ended.signal.aborted) throw new Stopped();
    const request = new AbortController();
    const flight = { span, sent: 0, movedAt: Date.now() };
    this.flying.set(lane, flight);
    control.running.add(request);
    const watch = this.#watch(flight, request);
    try {
      return await client.postSlice(upload().id, span[0], slice(span), proof, {
        signal: request.signal,
        progress: (sent) => {
          Object.assign(flight, { sent, movedAt: Date.now() });
          progress();
        },
      });
    } catch (error) {
      if (error instanceof Recorded) return error.upload;
      throw error;
    } finally {
      clearInterval(watch);
      control.running.delete(request);
    }
  }

  /**
   * Watches one request: on a dead connection it would hang for minutes.
   * @param {{span: Span, movedAt: number}} flight @param {AbortController} request
   * @returns {ReturnType<typeof setInterval>}
   */
  #watch(flight, request) {
    const began = Date.now();
    let askedAt = 0;
    return setInterval(async () => {
      const now = Date.now();
      // The browser reports no more progress after it has passed the slice to the kernel, but time still passes.
      this.source.progress();
      const { ask, answer, hard } = this.#patience();
      if (now - began > hard && now - flight.movedAt > ask) request.abort(new Trouble('unreachable'));
      if (now - Math.max(flight.movedAt, askedAt) <= ask || request.signal.aborted) return;
      askedAt = Infinity;
      request.signal.aborted || await this.#ask(flight.span, request, answer);
      askedAt = Date.now();
    }, LOOK_EVERY_MS);
  }

  /**
   * Asks the server before a slice is abandoned: its response may be lost, or the link may only be slow.
   * @param {Span} span @param {AbortController} request @param {number} within ms
   */
  async #ask(span, request, within) {
    const { client, control, upload } = this.source;
    try {
      const now = await client.show(upload().id, { signal: control.ended.signal, within });
      const held = total(merge([...now.received, span])) === total(now.received);
      if (held || now.state !== 'receiving') request.abort(new Recorded(now));
    } catch (error) {
      if (error instanceof Trouble) request.abort(error);
    }
  }
}
