/**
 * The page's uploads and actions on them by the user (`act`, `add`, `choose`, `tags`), the Worker (`hear`) and the
 * server's list (`server`). Transitions are in `upload.js`, drawing in `row.js`.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 * @typedef {import('./client.js').Tags} Tags
 * @typedef {import('./entry.js').Entry} Entry
 */
import { delay } from './backoff.js';
import { Edits } from './edits.js';
import { newEntry } from './entry.js';
import { EqualFiles } from './equal-files.js';
import { sniff, whatToDo } from './file-kind.js';
import { forgetHandle, handleOf, keepHandle, reopen } from './file-handles.js';
import { editFailure } from './late-edits.js';
import { sortOut, startable } from './queue.js';
import { ServerUploads } from './server-uploads.js';
import { ENDS, isUnsent, may, move, newUpload } from './upload.js';

export class UploadList {
  /**
   * @param {import('./client.js').Client} client
   * @param {{postMessage: (message: object) => void}} worker
   * @param {{details: () => import('./visitor.js').Details & {sender: string}, mayStart: () => boolean, changed: (entry: Entry, event: string) => void, removed: (key: string) => void,
   *   reordered: () => void,
   *   leftOut: (names: string[]) => void}} page
   */
  constructor(client, worker, page) {
    this.client = client;
    this.worker = worker;
    this.page = page;
    /** @type {Map<string, Entry>} in the order of sending */
    this.entries = new Map();
    this.keys = 0;
    /** No upload starts while the server's list is being requested: a dropped file may continue one of its uploads. */
    this.held = 0;
    this.equals = new EqualFiles(this);
    this.server = new ServerUploads(this);
    this.edits = new Edits(client, (entry, event) => { if (this.entries.has(entry.upload.key)) page.changed(entry, event); });
    this.reading = false;
    /** @type {import('./client.js').Limits | null} */
    this.limits = null;
  }

  get uploads() { return [...this.entries.values()].map((entry) => entry.upload); }

  /** @param {string} key */
  entry(key) { return /** @type {Entry} */ (this.entries.get(key)); }

  /**
   * @param {File[]} files
   * @returns {Entry[]} their rows; an existing row if the file has one
   */
  add(files) {
    const { taken, leftOut } = sortOut(files);
    if (leftOut.length > 0) this.page.leftOut(leftOut.map(({ name }) => name.normalize('NFC')));
    const entries = taken.map((file) => this.#resumable(file) ?? this.#same(file) ?? this.#open(file));
    this.equals.sendOnce(entries);
    this.start();
    this.#readHints();
    this.#askLimits();
    return entries;
  }

  /** @param {string} key @param {File} file for an upload that needs it */
  choose(key, file) {
    const entry = this.entry(key);
    if (file.size !== entry.upload.length) {
      entry.stranger = file;
      this.move(entry, 'mismatch', { note: { code: 'length', size: file.size }, hasFile: false });
    } else {
      entry.file = file;
      entry.stranger = file;
      this.move(entry, 'pick', { note: null, hasFile: true });
    }
    this.start();
  }

  /** @param {string} key */
  asNew(key) {
    const entry = this.entry(key);
    const file = entry.stranger;
    entry.stranger = null;
    this.set(entry, { note: null });
    if (file) this.#open(file);
    this.start();
  }

  /** @param {string} key @param {string} action a name from `actions` in upload.js, other than `choose` */
  act(key, action) {
    const entry = this.entry(key);
    if (action === 'continue') return this.reopen(entry, true);
    if (action === 'first') return this.first(key);
    if (action === 'repair') return this.tags(key, { ...entry.hints?.repaired, ...entry.upload.tags });
    if (action === 'dismiss') return this.remove(key);
    if (action === 'try') return this.worker.postMessage({ do: 'try', key });
    if (action === 'pause') this.worker.postMessage({ do: 'pause', key });
    if (action === 'cancel') this.#cancel(entry);
    entry.force ||= action === 'insist';
    // A refused upload is still on the server; a cancelled or expired one is not.
    const anew = entry.upload.state === 'refused' ? { problem: null } : { id: null, mine: true, received: [], problem: null, findings: [], twin: null };
    // Open slices may still end after a pause.
    this.move(entry, action, ['again', 'insist'].includes(action) ? anew : { flying: action === 'pause' ? entry.upload.flying : 0 });
    this.start();
  }

  /** Moves an entry to the front of the queue. @param {string} key */
  first(key) {
    const entry = this.entry(key);
    const others = [...this.entries].filter(([other]) => other !== key);
    const at = others.findIndex(([, { upload }]) => upload.state === 'queued');
    others.splice(at < 0 ? others.length : at, 0, [key, entry]);
    this.entries = new Map(others);
    this.page.reordered();
  }

  /** @param {Entry} entry that needs its file @param {boolean} asked by a click */
  async reopen(entry, asked) {
    const found = await reopen(entry.handle, asked);
    if (entry.upload.state !== 'needs_file') return;
    if (found instanceof File) this.choose(entry.upload.key, found);
    else if (asked) this.move(entry, 'mismatch', { note: { code: found }, hasHandle: found === 'denied' });
  }

  /** @param {string} key */
  remove(key) {
    this.entries.delete(key);
    this.page.removed(key);
  }

  /** Starts uploads whose turn it is. */
  start() {
    if (this.held > 0 || !this.page.mayStart()) return;
    const { uploads } = this;
    // No file overtakes one that is still being compared.
    const compared = uploads.findIndex(({ key }) => this.equals.comparing.has(key));
    for (const upload of startable(uploads.filter(({ state }, k) => compared < 0 || k < compared || state !== 'queued'))) {
      const entry = this.entry(upload.key);
      this.move(entry, 'start');
      this.#begin(entry);
    }
  }

  /** @param {Entry} entry */
  async #begin(entry) {
    if (!entry.upload.id && !await this.#mayBeSent(entry)) this.start();
    else if (entry.upload.state === 'preparing') this.send(entry);
  }

  /** A file that begins like another type is never sent. @param {Entry} entry @returns {Promise<boolean>} */
  async #mayBeSent(entry) {
    const { key, filename } = entry.upload;
    const kind = await sniff(/** @type {File} */ (entry.file));
    const answer = whatToDo(kind, filename);
    if (!this.entries.has(key) || !may(entry.upload, 'refused')) return false;
    if (answer === 'ask') this.set(entry, { kind });
    if (answer === 'leave') this.move(entry, 'refused', { problem: /** @type {any} */ ({ code: 'foreign', kind }), hasFile: false });
    return answer !== 'leave';
  }

  /** @param {string} key @param {string} event @param {Partial<PageUpload>} [facts] from the Worker */
  hear(key, event, facts = {}) {
    const entry = this.entries.get(key);
    if (!entry || !may(entry.upload, event)) return;
    if (event === 'lost_file' || event === 'mismatch') entry.file = null;
    this.move(entry, event, facts);
    const { upload } = entry;
    if (event === 'progress') return;
    if (event === 'created' && entry.file && handleOf(entry.file)) keepHandle(/** @type {string} */ (upload.id), handleOf(entry.file));
    if (ENDS.has(upload.state) && upload.id) forgetHandle(upload.id);
    if (event === 'spooled') this.server.endEdits(entry);
    if (event === 'created' && JSON.stringify(upload.tags) !== entry.saved.at) this.edits.saveTags(entry);
    if (event === 'created' && entry.cover) this.edits.saveCover(entry);
    this.start();
  }

  /** Only a warning: the server decides, and may have more space later. */
  async #askLimits() {
    this.limits = await this.client.limits().catch(() => this.limits);
    for (const entry of this.entries.values()) if (!entry.upload.id) this.page.changed(entry, 'limits');
  }

  /** Reads one file after the other, so that hundreds are not opened at once. */
  async #readHints() {
    if (this.reading) return;
    this.reading = true;
    for (let entry; (entry = [...this.entries.values()].find(({ file, hints }) => file && !hints));) {
      const none = { names: {}, repaired: null, cover: null, audio: true };
      const { readHints } = await import('./id3-preview.js').catch(() => ({ readHints: async () => none }));
      entry.hints = await readHints(/** @type {File} */ (entry.file)).catch(() => none);
      if (this.entries.has(entry.upload.key)) this.page.changed(entry, 'hints');
    }
    this.reading = false;
  }

  /** @param {string} key @param {Tags} tags only those that are or were filled in */
  tags(key, tags) {
    const entry = this.entry(key);
    this.set(entry, { tags }, 'tags');
    if (entry.upload.id) this.edits.saveTagsSoon(entry);
  }

  /** @param {string} key @param {File} picture */
  cover(key, picture) {
    const entry = this.entry(key);
    entry.cover = picture;
    if (!entry.upload.id) return;
    this.page.changed(entry, 'tags');
    this.edits.saveCover(entry);
  }

  /** @param {File} file */
  #resumable(file) {
    const name = file.name.normalize('NFC');
    const entry = [...this.entries.values()].find(({ upload }) => ['needs_file', 'elsewhere'].includes(upload.state)
      && upload.filename === name && upload.length === file.size);
    if (entry?.upload.state === 'needs_file') this.choose(entry.upload.key, file);
    return entry;
  }

  /** @param {File} file @returns {Entry | undefined} the open row of the same file */
  #same(file) {
    return [...this.entries.values()].find((entry) => !ENDS.has(entry.upload.state) && entry.file?.name === file.name
      && entry.file.size === file.size && entry.file.lastModified === file.lastModified);
  }

  /** @param {File} file */
  #open(file) {
    const facts = { filename: file.name, length: file.size, hasFile: true };
    if (file.size === 0) {
      return this.enter(null, { ...facts, hasFile: false, state: 'refused', problem: { code: 'empty' } });
    }
    const entry = this.enter(file, { ...facts, state: /\.mp3$/i.test(file.name) ? 'queued' : 'asking' });
    if (entry.upload.state === 'asking') this.#mayBeSent(entry);
    return entry;
  }

  /** @param {File | null} file @param {Omit<Parameters<typeof newUpload>[0], 'key'>} facts @returns {Entry} */
  enter(file, facts) {
    const key = `u${this.keys += 1}`;
    const upload = newUpload({ .../** @type {any} */ (facts), key });
    const entry = newEntry(upload, file);
    this.entries.set(key, entry);
    this.page.changed(entry, 'enter');
    return entry;
  }

  /** @param {Entry} entry */
  send(entry) {
    const { key, id, filename, length } = entry.upload;
    const { file } = entry;
    const { sender, title, ...further } = this.page.details();
    if (!id && title && !entry.upload.tags.title) this.set(entry, { tags: { ...entry.upload.tags, title } });
    const { tags } = entry.upload;
    const announcement = {
      filename, length,
      ...(file?.lastModified ? { last_modified: new Date(file.lastModified).toISOString() } : {}),
      ...(Object.keys(tags).length ? { tags } : {}),
      ...(sender ? { sender } : {}),
      ...further,
    };
    if (!id) [entry.saved.at, entry.sender] = [JSON.stringify(tags), sender];
    this.worker.postMessage({ do: 'go', key, order: { key, file, id, announcement, force: entry.force } });
  }

  /** @param {Entry} entry */
  async #cancel({ upload: { key, id } }) {
    this.worker.postMessage({ do: 'end', key });
    if (id) forgetHandle(id);
    for (let failures = 1; id; failures += 1) {
      try {
        return await this.client.cancel(id);
      } catch (error) {
        if (editFailure(error) !== 'again') return undefined;
        await new Promise((resolve) => setTimeout(resolve, delay(failures, null)));
      }
    }
    return undefined;
  }

  /** @param {Entry} entry @param {string} event @param {Partial<PageUpload>} [facts] */
  move(entry, event, facts = {}) {
    entry.upload = move(entry.upload, event, facts);
    this.page.changed(entry, event);
    this.equals.tell(entry);
  }

  /** @param {Entry} entry @param {Partial<PageUpload>} facts @param {string} [event] */
  set(entry, facts, event = 'facts') {
    entry.upload = Object.freeze({ ...entry.upload, ...facts });
    this.page.changed(entry, event);
  }

  /** @returns {boolean} leaving the page would interrupt an upload */
  get unsent() { return this.uploads.some(isUnsent); }
}
