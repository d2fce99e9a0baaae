/**
 * Finds files with the same bytes in the queue: only the first is sent.
 *
 * @typedef {import('./entry.js').Entry} Entry
 */
import { isOpen } from './queue.js';

export class EqualFiles {
  /** @param {import('./upload-list.js').UploadList} list */
  constructor(list) {
    this.list = list;
    /** @type {Set<string>} rows whose file is being compared: they do not start yet */
    this.comparing = new Set();
  }

  /** Finds entries that are equal to an earlier one. @param {Entry[]} entries just added */
  async sendOnce(entries) {
    const queue = [...this.list.entries.values()];
    /** @type {[Entry, Entry[]][]} */
    const doubted = [];
    for (const entry of new Set(entries)) {
      if (entry.upload.state !== 'queued' || entry.upload.id || this.comparing.has(entry.upload.key)) continue;
      const others = queue.slice(0, queue.indexOf(entry)).filter(({ file, upload }) => file && isOpen(upload) && upload.length === entry.upload.length);
      if (others.length === 0) continue;
      this.comparing.add(entry.upload.key);
      doubted.push([entry, others]);
    }
    if (doubted.length === 0) return;
    const { sameBytes } = await import('./same-bytes.js').catch(() => ({ sameBytes: async () => false }));
    for (const [entry, others] of doubted) {
      const { key } = entry.upload;
      for (const other of others) {
        const same = isOpen(other.upload) && await sameBytes(/** @type {File} */ (entry.file), /** @type {File} */ (other.file));
        if (!this.list.entries.has(key) || entry.upload.state !== 'queued') break;
        if (!same || !isOpen(other.upload)) continue;
        this.list.move(entry, 'same', { same: { key: other.upload.key, name: other.upload.filename } });
        break;
      }
      this.comparing.delete(key);
      this.list.start();
    }
  }

  /** Gives the equal files the result of the one that was sent; if that one is not sent after all, sends the next. @param {Entry} entry */
  tell({ upload }) {
    const { key, state, problem, findings } = upload;
    const equals = [...this.list.entries.values()].filter((entry) => entry.upload.state === 'same' && entry.upload.same?.key === key);
    if (equals.length === 0) return;
    if (state === 'rejected' || state === 'refused') for (const entry of equals) this.list.move(entry, state, { problem, findings });
    if (!['cancelled', 'gone', 'needs_file'].includes(state)) return;
    for (const entry of equals) this.list.move(entry, 'insist', { same: null });
    this.sendOnce(equals);
  }
}
