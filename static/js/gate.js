import { Stopped } from './client.js';

/**
 * What holds a transfer back: a person's pause, a wait after trouble, the end. One per transfer.
 */
export class Gate {
  constructor() {
    this.paused = false;
    this.ended = new AbortController();
    /** @type {Set<() => void>} */
    this.sleepers = new Set();
    /** @type {Set<AbortController>} requests that a pause cuts */
    this.running = new Set();
  }

  /** Cuts what runs. The slices that were open are sent again later. @param {Error} reason */
  cut(reason) {
    for (const request of this.running) request.abort(reason);
  }

  pause() {
    this.paused = true;
    this.cut(new Stopped());
  }

  resume() {
    this.paused = false;
    this.wake();
  }

  /** Ends every wait at once: "try now". */
  wake() {
    for (const rise of [...this.sleepers]) rise();
  }

  end() {
    this.ended.abort();
    this.cut(new Stopped());
    this.wake();
  }

  /** @param {number} ms @returns {Promise<void>} after the time, or when woken */
  sleep(ms) {
    return new Promise((resolve) => {
      const rise = () => {
        clearTimeout(timer);
        this.sleepers.delete(rise);
        resolve();
      };
      const timer = setTimeout(rise, ms);
      this.sleepers.add(rise);
    });
  }

  /** Passes when nobody paused; throws Stopped after the end. */
  async open() {
    while (this.paused && !this.ended.signal.aborted) await this.sleep(2 ** 30);
    if (this.ended.signal.aborted) throw new Stopped();
  }
}
