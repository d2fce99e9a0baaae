/**
 * How large the next slice is and how many slices go at once. What is lost when the line drops is the open slices, so a
 * slow line sends small ones, one at a time: four to eight seconds each. A fast line sends the server's own size in three
 * lanes, which costs it least.
 */

/** A slice may take so long; it grows as long as a larger one would take less than three quarters of that. */
const MOST_MS = 8000;
/** So many times as large as the last slice at most: the first one may have come through in a burst. */
const GROWTH = 8;
/** Bytes per second from which two and three lanes go: on a slower line they would only make each slice slower. */
const LANE_RATES = [20_000, 48_000];
/** Slices that go alone first, unless one took less than so many ms: lanes that share a slow line hide its speed. */
const ALONE = { slices: 3, ms: 1000 };
const MOST_LANES = LANE_RATES.length + 1;
/** Bytes; at 32 kbit/s eight seconds. The server takes no smaller slices than half of it. */
const LEAST = 32 * 1024;

export class Pace {
  /** @param {number} proposed bytes, the server's `slice_size` */
  constructor(proposed) {
    /** bytes of the next slice. Doubles and halves only, so that all slices lie on one grid */
    this.size = proposed;
    /** bytes that a slice may have at most */
    this.most = proposed;
    this.lanes = 1;
    this.slices = 0;
    // The first answers tell soonest how fast the line is.
    while (this.size > LEAST) this.size /= 2;
  }

  /**
   * A slice was recorded.
   * @param {number} sent bytes @param {number} ms that it took @param {number} rate bytes per second of the whole line
   */
  recorded(sent, ms, rate) {
    const before = this.lanes;
    this.slices += 1;
    if (this.slices >= ALONE.slices || ms < ALONE.ms) this.lanes = 1 + LANE_RATES.filter((least) => rate >= least).length;
    // The end of a gap tells nothing of larger slices.
    if (sent < this.size) return;
    // More lanes take their share of the line from each slice.
    const expected = (ms * this.lanes) / before;
    const most = Math.min(this.most, sent * GROWTH, (0.75 * sent * MOST_MS) / Math.max(1, expected));
    while (this.size * 2 <= most) this.size *= 2;
    if (expected > MOST_MS && this.size / 2 >= LEAST) this.size /= 2;
  }

  /** A slice was lost with its connection. @param {number} lost bytes */
  slower(lost) {
    this.#shrink(lost / 2);
    this.lanes = Math.ceil(this.lanes / 2);
  }

  /**
   * The server, or a proxy before it, found a slice too large (413).
   * @param {number} refused bytes @param {number} [limit] bytes, if it was told
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
