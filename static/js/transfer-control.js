import { Stopped } from './client.js';

/** Open slices get so long to end when a person pauses: to send them again costs more. */
const PAUSE_WITHIN_MS = 10_000;

/**
 * What holds a transfer back: a person's pause, a wait after trouble, the end. One per transfer.
 */
export class TransferControl {
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

  /** Lets open slices end, and cuts what takes longer. */
  pause() {
    this.paused = true;
    const open = [...this.running];
    setTimeout(() => {
      if (this.paused) for (const request of open) request.abort(new Stopped());
    }, PAUSE_WITHIN_MS);
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
