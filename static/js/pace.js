/**
 * Chooses slice size and number of lanes. A lost connection loses the open slices, so a slow link sends small ones, one
 * at a time, of four to eight seconds. A fast link sends the server's size over three lanes, which costs least.
 */

/** Target ms of a slice; it grows while a larger one would take less than three quarters of that. */
const MOST_MS = 8000;
/** Maximum growth from one slice to the next: the first one may have been sent in a burst. */
const GROWTH = 8;
/** Bytes per second from which two and three lanes are used: on a slower link they would only slow down each slice. */
const LANE_RATES = [20_000, 48_000];
/** Slices sent alone first, unless one took less than this many ms: parallel lanes hide the speed of a slow link. */
const ALONE = { slices: 3, ms: 1000 };
/** Bytes; at 32 kbit/s eight seconds. The server's minimum is half of it. */
const LEAST = 32 * 1024;

export class Pace {
  /** @param {number} proposed bytes, the server's `slice_size` */
  constructor(proposed) {
    /** bytes of the next slice. Only doubled and halved, so that all slices are on one grid */
    this.size = proposed;
    /** maximum bytes of a slice */
    this.most = proposed;
    this.lanes = 1;
    this.slices = 0;
    // Small first slices measure the speed soonest.
    while (this.size > LEAST) this.size /= 2;
  }

  /**
   * Records a successful slice.
   * @param {number} sent bytes @param {number} ms that it took @param {number} rate bytes per second of the whole line
   */
  recorded(sent, ms, rate) {
    const before = this.lanes;
    this.slices += 1;
    if (this.slices >= ALONE.slices || ms < ALONE.ms) this.lanes = 1 + LANE_RATES.filter((least) => rate >= least).length;
    // A short slice at the end of a gap says nothing about larger ones.
    if (sent < this.size) return;
    // More lanes leave each slice a smaller share of the link.
    const expected = (ms * this.lanes) / before;
    const most = Math.min(this.most, sent * GROWTH, (0.75 * sent * MOST_MS) / Math.max(1, expected));
    while (this.size * 2 <= most) this.size *= 2;
    if (expected > MOST_MS && this.size / 2 >= LEAST) this.size /= 2;
  }

  /** Records that a slice was lost with its connection. @param {number} lost bytes */
  slower(lost) {
    this.#shrink(lost / 2);
    this.lanes = Math.ceil(this.lanes / 2);
  }

  /**
   * The server or a proxy refused a slice as too large (413).
   * @param {number} refused bytes @param {number} [limit] bytes, if known
   * @returns {boolean} whether smaller slices may help
   */
  tooLarge(refused, limit = Infinity) {
    if (refused <= LEAST) return false;
    this.#shrink(Math.min(limit, refused / 2));
    this.most = this.size;
    return true;
  }

  /** @param {number} most bytes */
  #shrink(most) {
    while (this.size > Math.max(LEAST, most)) this.size /= 2;
  }
}
