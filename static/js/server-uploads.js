/**
 * The server's uploads as rows of the page: unfinished ones, and changes of others.
 *
 * @typedef {import('./client.js').Upload} Upload
 * @typedef {import('./entry.js').Entry} Entry
 */
import { whyGone } from './client.js';
import { keptHandle } from './file-handles.js';
import { editTime } from './late-edits.js';
import { isActive, may } from './upload.js';

/** Events by the server's state; every other state is final, without a file. @type {Record<string, string>} */
const EVENTS = { receiving: 'offer', received: 'received', verified: 'verified', spooled: 'spooled', rejected: 'rejected' };
const FINISHING = new Set(['received', 'verified']);

export class ServerUploads {
  /** @param {import('./upload-list.js').UploadList} list */
  constructor(list) {
    this.list = list;
  }

  /** Whether it is new here and its row in the server's list lacks something. @param {Upload} upload */
  needs(upload) { return Boolean(upload.short) && ![...this.list.entries.values()].some((entry) => entry.upload.id === upload.id); }

  /** @param {Upload} upload from the server's list @param {boolean} elsewhere another tab sends it */
  adopt(upload, elsewhere) {
    const known = [...this.list.entries.values()].find((entry) => entry.upload.id === upload.id);
    if (known) return;
    const name = upload.filename.normalize('NFC');
    const facts = { id: upload.id, received: upload.received, tags: upload.tags ?? {}, mine: upload.mine ?? true };
    const waiting = [...this.list.entries.values()].find((entry) => entry.upload.state === 'queued' && !entry.upload.id
      && entry.upload.filename === name && entry.upload.length === upload.length);
    if (waiting && upload.state === 'receiving') {
      waiting.stranger = waiting.file;
      waiting.sender = upload.sender ?? '';
      return this.list.set(waiting, facts);
    }
    // It may be our own, whose creation the Worker has not reported yet.
    if ([...this.list.entries.values()].some(({ upload: own }) => isActive(own) && !own.id && own.filename === name)) return;
    const entry = this.list.enter(null, { ...facts, filename: name, length: upload.length, state: 'needs_file' });
    entry.sender = upload.sender ?? '';
    if (upload.state === 'receiving') {
      if (elsewhere) this.list.move(entry, 'hold');
      this.#recall(entry);
    } else this.#catchUp(entry, upload);
  }

  /** @param {Entry} entry @param {Upload} upload in its state on the server */
  #catchUp(entry, upload) {
    const event = EVENTS[upload.state] ?? 'gone';
    if (!may(entry.upload, event)) return this.list.set(entry, { received: upload.received });
    const { received, findings } = upload;
    this.list.move(entry, event, { received, findings, editableUntil: editTime(upload), problem: event === 'gone' ? whyGone(upload) : upload.problem });
    if (FINISHING.has(event)) this.list.send(entry);
    if (event === 'spooled') this.endEdits(entry);
    return undefined;
  }

  /** Draws the row again at the time after which its details cannot be edited. @param {Entry} entry */
  endEdits(entry) {
    const { key, editableUntil: until } = entry.upload;
    if (until) setTimeout(() => this.list.entries.has(key) && this.list.page.changed(entry, 'facts'), until - Date.now());
  }

  /** Looks for the file in this browser's memory; with a lasting permission it is sent without a click. @param {Entry} entry */
  async #recall(entry) {
    entry.handle = await keptHandle(/** @type {string} */ (entry.upload.id));
    if (!entry.handle || entry.file) return;
    this.list.set(entry, { hasHandle: true });
    if (entry.upload.state === 'needs_file') this.list.reopen(entry, false);
  }

  /**
   * Updates uploads that another tab has released, or that another browser has continued.
   * @param {Set<string>} held ids that a tab sends @param {Set<string>} listed ids of unfinished uploads
   */
  offer(held, listed) {
    for (const entry of this.list.entries.values()) {
      const { state, id, hasFile } = entry.upload;
      if (!id) continue;
      if (state === 'elsewhere' && !hasFile && !held.has(id)) this.#refresh(entry);
      if (state === 'needs_file' && held.has(id)) this.list.move(entry, 'hold');
      else if (state === 'needs_file' && !listed.has(id)) this.#refresh(entry);
    }
  }

  /** @param {Entry} entry */
  async #refresh(entry) {
    const upload = await this.list.client.show(/** @type {string} */ (entry.upload.id)).catch(() => null);
    if (upload && ['elsewhere', 'needs_file'].includes(entry.upload.state)) this.#catchUp(entry, upload);
  }
}
