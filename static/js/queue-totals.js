/**
 * Totals of all files in the queue. Neither DOM nor network.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 *
 * @typedef {object} Totals
 * @property {number} files that count
 * @property {number} done files that need nothing more from the page
 * @property {number} stored
 * @property {number} attention
 * @property {number} length bytes
 * @property {number} sent bytes that the server has recorded
 * @property {boolean} over no upload is open
 * @property {boolean} paused only paused uploads are open
 */
import { FINISHING, isOpen, needsAttention, STORED } from './queue.js';
import { total } from './ranges.js';
import { isUnsent } from './upload.js';

/** States of uploads that this page does not send. */
const OUTSIDE = new Set(['elsewhere', 'cancelled']);

/** Counts everything added since the queue was last empty, with finished uploads that were cleared. */
export class QueueTotals {
  constructor() {
    /** @type {Map<string, PageUpload>} */
    this.members = new Map();
    /** @type {Set<string>} keys of all rows so far */
    this.seen = new Set();
    this.over = true;
  }

  /** @param {PageUpload[]} uploads as they are now @returns {Totals} */
  count(uploads) {
    const first = this.seen.size === 0;
    const fresh = uploads.filter(({ key, state }) => !this.seen.has(key) && !OUTSIDE.has(state) && state !== 'needs_file');
    for (const { key } of uploads) this.seen.add(key);
    const open = uploads.some(isOpen);
    if (open && this.over) this.#beginAnew();
    // The first call may be late: small files are stored by then.
    const joins = new Set((open ? fresh : fresh.filter(({ state }) => first && STORED.has(state))).map(({ key }) => key));
    for (const upload of uploads) {
      if (isOpen(upload) || joins.has(upload.key) || this.members.has(upload.key)) this.members.set(upload.key, upload);
    }
    const present = new Set(uploads.map(({ key }) => key));
    for (const [key, { state }] of this.members) if (!present.has(key) && !STORED.has(state)) this.members.delete(key);
    if (!open && ![...this.members.keys()].some((key) => present.has(key))) this.members.clear();
    this.over = !open;
    return this.#sum();
  }

  /** Starts new totals, with the uploads that still need attention. */
  #beginAnew() {
    for (const [key, upload] of this.members) if (!needsAttention(upload)) this.members.delete(key);
  }

  /** @returns {Totals} */
  #sum() {
    const counted = [...this.members.values()].filter(({ state }) => !OUTSIDE.has(state));
    const open = counted.filter(isOpen);
    const sum = { length: 0, sent: 0 };
    for (const upload of counted) {
      const [sent, length] = bytesOf(upload);
      sum.sent += sent;
      sum.length += length;
    }
    return {
      ...sum,
      files: counted.length,
      done: counted.length - open.length,
      stored: counted.filter(({ state }) => STORED.has(state)).length,
      attention: counted.filter(needsAttention).length,
      over: this.over,
      paused: open.length > 0 && open.every(({ state }) => state === 'paused' || state === 'queued') && open.some(({ state }) => state === 'paused'),
    };
  }
}

/** @param {PageUpload} upload @returns {[number, number]} bytes recorded, and their total; of a failed upload the total is what was recorded */
function bytesOf(upload) {
  const { state, received, length } = upload;
  const recorded = Math.min(length, total(received));
  if (isUnsent(upload)) return [recorded, length];
  const whole = STORED.has(state) || FINISHING.has(state) || state === 'stuck' || state === 'rejected';
  return whole ? [length, length] : [recorded, recorded];
}
