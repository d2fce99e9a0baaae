/**
 * The page's uploads and who acts on them: people (`act`, `add`, `choose`, `tags`), the Worker (`hear`), the server's
 * list (`adopt`). Order of steps only; what may follow what stands in `upload.js`, drawing in `row.js`.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 * @typedef {import('./client.js').Upload} Upload
 * @typedef {import('./client.js').Tags} Tags
 *
 * @typedef {object} Entry
 * @property {PageUpload} upload
 * @property {File | null} file
 * @property {File | null} stranger a picked file that proved to be another one
 * @property {import('./speed.js').Speed | null} speed
 * @property {{at: string, late: boolean}} saved what the server has of the tags, as JSON
 */
import { delay } from './backoff.js';
import { Refusal } from './client.js';
import { startable } from './queue.js';
import { total } from './ranges.js';
import { noteSpeed, startSpeed } from './speed.js';
import { ENDS, isActive, isUnsent, may, move, newUpload } from './upload.js';

const TAGS_REST_MS = 600;
const SERVER_STATES = new Map(Object.entries({ received: 'received', verified: 'verified' }));

export class Board {
  /**
   * @param {import('./client.js').Client} client
   * @param {{postMessage: (message: object) => void}} worker
   * @param {{sender: () => string, changed: (entry: Entry, event: string) => void, removed: (key: string) => void}} page
   */
  constructor(client, worker, page) {
    this.client = client;
    this.worker = worker;
    this.page = page;
    /** @type {Map<string, Entry>} in the order in which they go */
    this.entries = new Map();
    this.keys = 0;
    /** No start while the server's list is being asked: a dropped file may continue one of its uploads. */
    this.held = 0;
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    this.timers = new Map();
  }

  get uploads() { return [...this.entries.values()].map((entry) => entry.upload); }

  /** @param {string} key */
  entry(key) { return /** @type {Entry} */ (this.entries.get(key)); }

  /**
   * @param {File[]} files
   * @returns {Entry[]} their rows; the row that a file already has, where it has one
   */
  add(files) {
    const entries = files.map((file) => this.#resumable(file) ?? this.#same(file) ?? this.#open(file));
    this.start();
    return entries;
  }

  /** @param {string} key @param {File} file for an upload that waits for its bytes */
  choose(key, file) {
    const entry = this.entry(key);
    if (file.size !== entry.upload.length) {
      entry.stranger = file;
      this.#move(entry, 'mismatch', { note: { code: 'length', size: file.size }, hasFile: false });
    } else {
      entry.file = file;
      entry.stranger = file;
      this.#move(entry, 'pick', { note: null, hasFile: true });
    }
    this.start();
  }

  /** @param {string} key */
  asNew(key) {
    const entry = this.entry(key);
    const file = entry.stranger;
    entry.stranger = null;
    this.#set(entry, { note: null });
    if (file) this.#open(file);
    this.start();
  }

  /** @param {string} key @param {string} action a name from `actions` in upload.js, other than `choose` */
  act(key, action) {
    const entry = this.entry(key);
    if (action === 'dismiss') return this.remove(key);
    if (action === 'try') return this.worker.postMessage({ do: 'try', key });
    if (action === 'pause') this.worker.postMessage({ do: 'pause', key });
    if (action === 'cancel') this.#cancel(entry);
    // What was refused lies on the server still; what was cancelled or expired does not.
    const anew = entry.upload.state === 'refused' ? { problem: null } : { id: null, received: [], problem: null };
    this.#move(entry, action, action === 'again' ? anew : {});
    this.start();
  }

  /** @param {string} key */
  remove(key) {
    this.entries.delete(key);
    this.page.removed(key);
  }

  /** Starts what has its turn. */
  start() {
    if (this.held > 0) return;
    for (const upload of startable(this.uploads)) {
      const entry = this.entry(upload.key);
      this.#move(entry, 'start');
      this.#send(entry);
    }
  }

  /** @param {string} key @param {string} event @param {Partial<PageUpload>} [facts] from the Worker */
  hear(key, event, facts = {}) {
    const entry = this.entries.get(key);
    if (!entry || !may(entry.upload, event)) return;
    if (event === 'lost_file' || event === 'mismatch') entry.file = null;
    this.#move(entry, event, facts);
    const { upload } = entry;
    const safe = total(upload.received);
    const sent = safe + upload.flying;
    if (event === 'sending') entry.speed = startSpeed(Date.now(), sent, safe);
    if (event === 'progress' && entry.speed) entry.speed = noteSpeed(entry.speed, Date.now(), sent, safe);
    if (event === 'created' && JSON.stringify(upload.tags) !== entry.saved.at) this.#saveTags(entry);
    this.start();
  }

  /** @param {Upload} upload from the server's list @param {boolean} elsewhere another tab sends it now */
  adopt(upload, elsewhere) {
    const known = [...this.entries.values()].find((entry) => entry.upload.id === upload.id);
    if (known) return;
    const name = upload.filename.normalize('NFC');
    const facts = { id: upload.id, received: upload.received, tags: upload.tags ?? {} };
    const waiting = [...this.entries.values()].find((entry) => entry.upload.state === 'queued' && !entry.upload.id
      && entry.upload.filename === name && entry.upload.length === upload.length);
    if (waiting && upload.state === 'receiving') {
      waiting.stranger = waiting.file;
      return this.#set(waiting, facts);
    }
    // Perhaps our own, whose creation was answered but not yet told.
    if ([...this.entries.values()].some(({ upload: own }) => isActive(own) && !own.id && own.filename === name)) return;
    const entry = this.#enter(null, { ...facts, filename: name, length: upload.length, state: 'needs_file' });
    const event = SERVER_STATES.get(upload.state);
    if (elsewhere) this.#move(entry, 'hold');
    if (event) {
      this.#move(entry, event);
      this.#send(entry);
    }
  }

  /** Another tab let go of these without finishing them. @param {Set<string>} held ids that some tab sends */
  offer(held) {
    for (const entry of this.entries.values()) {
      const { state, id, hasFile } = entry.upload;
      if (state === 'elsewhere' && !hasFile && id && !held.has(id)) this.#refresh(entry);
      if (state === 'needs_file' && id && held.has(id)) this.#move(entry, 'hold');
    }
  }

  /** @param {string} key @param {Tags} tags only what is filled in, or was */
  tags(key, tags) {
    const entry = this.entry(key);
    this.#set(entry, { tags }, 'tags');
    if (!entry.upload.id) return;
    clearTimeout(this.timers.get(key));
    this.timers.set(key, setTimeout(() => this.#saveTags(entry), TAGS_REST_MS));
  }

  /** @param {File} file */
  #resumable(file) {
    const name = file.name.normalize('NFC');
    const entry = [...this.entries.values()].find(({ upload }) => upload.state === 'needs_file'
      && upload.filename === name && upload.length === file.size);
    if (entry) this.choose(entry.upload.key, file);
    return entry;
  }

  /** @param {File} file @returns {Entry | undefined} the row in which it already is on its way */
  #same(file) {
    return [...this.entries.values()].find((entry) => !ENDS.has(entry.upload.state) && entry.file?.name === file.name
      && entry.file.size === file.size && entry.file.lastModified === file.lastModified);
  }

  /** @param {File} file */
  #open(file) {
    const facts = { filename: file.name, length: file.size, hasFile: true };
    if (file.size === 0) {
      return this.#enter(null, { ...facts, hasFile: false, state: 'refused', problem: { code: 'empty' } });
    }
    return this.#enter(file, { ...facts, state: /\.mp3$/i.test(file.name) ? 'queued' : 'asking' });
  }

  /** @param {File | null} file @param {Omit<Parameters<typeof newUpload>[0], 'key'>} facts @returns {Entry} */
  #enter(file, facts) {
    const key = `u${this.keys += 1}`;
    const upload = newUpload({ .../** @type {any} */ (facts), key });
    const entry = { upload, file, stranger: null, speed: null, saved: { at: JSON.stringify(upload.tags), late: false } };
    this.entries.set(key, entry);
    this.page.changed(entry, 'enter');
    return entry;
  }

  /** @param {Entry} entry */
  #send(entry) {
    const { key, id, filename, length, tags } = entry.upload;
    const { file } = entry;
    const sender = this.page.sender();
    const announcement = {
      filename, length,
      ...(file?.lastModified ? { last_modified: new Date(file.lastModified).toISOString() } : {}),
      ...(Object.keys(tags).length ? { tags } : {}),
      ...(sender ? { sender } : {}),
    };
    if (!id) entry.saved.at = JSON.stringify(tags);
    this.worker.postMessage({ do: 'go', key, order: { key, file, id, announcement } });
  }

  /** @param {Entry} entry */
  async #cancel({ upload: { key, id } }) {
    this.worker.postMessage({ do: 'end', key });
    for (let failures = 1; id; failures += 1) {
      try {
        return await this.client.cancel(id);
      } catch (error) {
        if (error instanceof Refusal) return undefined;
        await new Promise((resolve) => setTimeout(resolve, delay(failures, null)));
      }
    }
    return undefined;
  }

  /** @param {Entry} entry */
  async #saveTags(entry) {
    const { key, id, tags } = entry.upload;
    const wanted = JSON.stringify(tags);
    try {
      await this.client.tag(/** @type {string} */ (id), tags);
      entry.saved.at = wanted;
    } catch (error) {
      if (error instanceof Refusal) entry.saved.late = true;
      else this.timers.set(key, setTimeout(() => this.#saveTags(entry), 5000));
      entry.saved.at = entry.saved.late ? wanted : '';
    }
    if (this.entries.has(key)) this.page.changed(entry, 'tags_saved');
  }

  /** @param {Entry} entry */
  async #refresh(entry) {
    const upload = await this.client.show(/** @type {string} */ (entry.upload.id)).catch(() => null);
    if (!upload || entry.upload.state !== 'elsewhere') return;
    const facts = { received: upload.received, problem: upload.problem };
    const event = { receiving: 'offer', received: 'received', verified: 'verified', spooled: 'spooled', rejected: 'rejected' }[
      /** @type {string} */ (upload.state)] ?? 'gone';
    this.#move(entry, event, facts);
    if (SERVER_STATES.has(event)) this.#send(entry);
  }

  /** @param {Entry} entry @param {string} event @param {Partial<PageUpload>} [facts] */
  #move(entry, event, facts = {}) {
    if (event !== 'progress' && event !== 'sending') entry.speed = event === 'wait' ? entry.speed : null;
    entry.upload = move(entry.upload, event, facts);
    this.page.changed(entry, event);
  }

  /** @param {Entry} entry @param {Partial<PageUpload>} facts @param {string} [event] */
  #set(entry, facts, event = 'facts') {
    entry.upload = Object.freeze({ ...entry.upload, ...facts });
    this.page.changed(entry, event);
  }

  /** @returns {boolean} leaving the page would stop something */
  get unsent() { return this.uploads.some(isUnsent); }
}
