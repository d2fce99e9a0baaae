import { Stopped } from './client.js';

/** Time for open slices to end on a pause: sending them again costs more. */
const PAUSE_WITHIN_MS = 10_000;

/**
 * Pause, wait and end of one transfer.
 */
export class TransferControl {
  constructor() {
    this.paused = false;
    this.ended = new AbortController();
    /** @type {Set<() => void>} */
    this.sleepers = new Set();
    /** @type {Set<AbortController>} requests that a pause aborts */
    this.running = new Set();
  }

  /** Aborts running requests. Open slices are sent again later. @param {Error} reason */
  cut(reason) {
    for (const request of this.running) request.abort(reason);
  }

  /** Lets open slices end, and aborts those that take longer. */
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

  /** Ends every wait at once ("try now"). */
  wake() {
    for (const rise of [...this.sleepers]) rise();
  }

  end() {
    this.ended.abort();
    this.cut(new Stopped());
    this.wake();
  }

  /** @param {number} ms @returns {Promise<void>} after the time, or earlier if woken */
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

  /** Resolves when not paused; throws Stopped after the end. */
  async open() {
    while (this.paused && !this.ended.signal.aborted) await this.sleep(2 ** 30);
    if (this.ended.signal.aborted) throw new Stopped();
  }
}
