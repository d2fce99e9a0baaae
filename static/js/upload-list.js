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
 * @property {any} handle of the file, kept over a reload
 * @property {boolean} force send it although the same bytes are there already
 * @property {import('./id3-preview.js').Hints | null} hints what the file says of itself
 * @property {{at: string, late: boolean, problem: import('./client.js').Problem | null}} saved what the server has of the tags, as JSON, or why not
 * @property {string | null} sender what the server has for it; null when it takes no other
 * @property {File | null} cover a picture that is still to be sent
 * @property {import('./client.js').Problem | null} uncovered why the last one was refused
 */
import { delay } from './backoff.js';
import { editFailure, editTime } from './client.js';
import { sniff, whatToDo } from './file-kind.js';
import { forgetHandle, handleOf, keepHandle, keptHandle, reopen } from './file-handles.js';
import { isOpen, sortOut, startable } from './queue.js';
import { ENDS, isActive, isUnsent, may, move, newUpload } from './upload.js';

const TAGS_REST_MS = 600;
const AGAIN_MS = 5000;
/** Events by the server's state; every other state is an end without a file. @type {Record<string, string>} */
const EVENTS = { receiving: 'offer', received: 'received', verified: 'verified', spooled: 'spooled', rejected: 'rejected' };
const FINISHING = new Set(['received', 'verified']);


export class UploadList {
  /**
   * @param {import('./client.js').Client} client
   * @param {{postMessage: (message: object) => void}} worker
   * @param {{sender: () => string, changed: (entry: Entry, event: string) => void, removed: (key: string) => void,
   *   reordered: () => void,
   *   leftOut: (names: string[]) => void}} page
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
    /** @type {Set<string>} rows whose file is compared with others of its length: they do not start yet */
    this.comparing = new Set();
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    this.timers = new Map();
    this.reading = false;
    /** @type {import('./client.js').Limits | null} */
    this.limits = null;
  }

  get uploads() { return [...this.entries.values()].map((entry) => entry.upload); }

  /** @param {string} key */
  entry(key) { return /** @type {Entry} */ (this.entries.get(key)); }

  /**
   * @param {File[]} files
   * @returns {Entry[]} their rows; the row that a file already has, where it has one
   */
  add(files) {
    const { taken, leftOut } = sortOut(files);
    if (leftOut.length > 0) this.page.leftOut(leftOut.map(({ name }) => name.normalize('NFC')));
    const entries = taken.map((file) => this.#resumable(file) ?? this.#same(file) ?? this.#open(file));
    this.#sendOnce(entries);
    this.start();
    this.#readHints();
    this.#askLimits();
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
    if (action === 'continue') return this.reopen(entry, true);
    if (action === 'first') return this.first(key);
    if (action === 'repair') return this.tags(key, { ...entry.hints?.repaired, ...entry.upload.tags });
    if (action === 'dismiss') return this.remove(key);
    if (action === 'try') return this.worker.postMessage({ do: 'try', key });
    if (action === 'pause') this.worker.postMessage({ do: 'pause', key });
    if (action === 'cancel') this.#cancel(entry);
    entry.force ||= action === 'insist';
    // What was refused lies on the server still; what was cancelled or expired does not.
    const anew = entry.upload.state === 'refused' ? { problem: null } : { id: null, mine: true, received: [], problem: null, findings: [], twin: null };
    // Slices that are open when it is paused may still end.
    this.#move(entry, action, ['again', 'insist'].includes(action) ? anew : { flying: action === 'pause' ? entry.upload.flying : 0 });
    this.start();
  }

  /** Before all others that wait their turn. @param {string} key */
  first(key) {
    const entry = this.entry(key);
    const others = [...this.entries].filter(([other]) => other !== key);
    const at = others.findIndex(([, { upload }]) => upload.state === 'queued');
    others.splice(at < 0 ? others.length : at, 0, [key, entry]);
    this.entries = new Map(others);
    this.page.reordered();
  }

  /** @param {Entry} entry that waits for its bytes @param {boolean} asked by a click */
  async reopen(entry, asked) {
    const found = await reopen(entry.handle, asked);
    if (entry.upload.state !== 'needs_file') return;
    if (found instanceof File) this.choose(entry.upload.key, found);
    else if (asked) this.#move(entry, 'mismatch', { note: { code: found }, hasHandle: found === 'denied' });
  }

  /** @param {string} key */
  remove(key) {
    this.entries.delete(key);
    this.page.removed(key);
  }

  /** Starts what has its turn. */
  start() {
    if (this.held > 0) return;
    const { uploads } = this;
    // Nothing overtakes a file that is still compared.
    const compared = uploads.findIndex(({ key }) => this.comparing.has(key));
    for (const upload of startable(uploads.filter(({ state }, k) => compared < 0 || k < compared || state !== 'queued'))) {
      const entry = this.entry(upload.key);
      this.#move(entry, 'start');
      this.#begin(entry);
    }
  }

  /** @param {Entry} entry */
  async #begin(entry) {
    if (!entry.upload.id && !await this.#mayBeSent(entry)) this.start();
    else if (entry.upload.state === 'preparing') this.#send(entry);
  }

  /** What begins like another kind of file is never sent. @param {Entry} entry @returns {Promise<boolean>} */
  async #mayBeSent(entry) {
    const { key, filename } = entry.upload;
    const kind = await sniff(/** @type {File} */ (entry.file));
    const answer = whatToDo(kind, filename);
    if (!this.entries.has(key) || !may(entry.upload, 'refused')) return false;
    if (answer === 'ask') this.#set(entry, { kind });
    if (answer === 'leave') this.#move(entry, 'refused', { problem: /** @type {any} */ ({ code: 'foreign', kind }), hasFile: false });
    return answer !== 'leave';
  }

  /** @param {string} key @param {string} event @param {Partial<PageUpload>} [facts] from the Worker */
  hear(key, event, facts = {}) {
    const entry = this.entries.get(key);
    if (!entry || !may(entry.upload, event)) return;
    if (event === 'lost_file' || event === 'mismatch') entry.file = null;
    this.#move(entry, event, facts);
    const { upload } = entry;
    if (event === 'progress') return;
    if (event === 'created' && entry.file && handleOf(entry.file)) keepHandle(/** @type {string} */ (upload.id), handleOf(entry.file));
    if (ENDS.has(upload.state) && upload.id) forgetHandle(upload.id);
    if (event === 'spooled') this.#endEdits(entry);
    if (event === 'created' && JSON.stringify(upload.tags) !== entry.saved.at) this.#saveTags(entry);
    if (event === 'created' && entry.cover) this.#saveCover(entry);
    this.start();
  }

  /** Whether it is new here and its row in the server's list lacks something. @param {Upload} upload */
  needs(upload) { return Boolean(upload.short) && ![...this.entries.values()].some((entry) => entry.upload.id === upload.id); }

  /** @param {Upload} upload from the server's list @param {boolean} elsewhere another tab sends it now */
  adopt(upload, elsewhere) {
    const known = [...this.entries.values()].find((entry) => entry.upload.id === upload.id);
    if (known) return;
    const name = upload.filename.normalize('NFC');
    const facts = { id: upload.id, received: upload.received, tags: upload.tags ?? {}, mine: upload.mine ?? true };
    const waiting = [...this.entries.values()].find((entry) => entry.upload.state === 'queued' && !entry.upload.id
      && entry.upload.filename === name && entry.upload.length === upload.length);
    if (waiting && upload.state === 'receiving') {
      waiting.stranger = waiting.file;
      waiting.sender = upload.sender ?? '';
      return this.#set(waiting, facts);
    }
    // Perhaps our own, whose creation was answered but not yet told.
    if ([...this.entries.values()].some(({ upload: own }) => isActive(own) && !own.id && own.filename === name)) return;
    const entry = this.#enter(null, { ...facts, filename: name, length: upload.length, state: 'needs_file' });
    entry.sender = upload.sender ?? '';
    if (upload.state === 'receiving') {
      if (elsewhere) this.#move(entry, 'hold');
      this.#recall(entry);
    } else this.#catchUp(entry, upload);
  }

  /** @param {Entry} entry @param {Upload} upload as it went on without this page */
  #catchUp(entry, upload) {
    const event = EVENTS[upload.state] ?? 'gone';
    if (!may(entry.upload, event)) return this.#set(entry, { received: upload.received });
    const { received, findings, state } = upload;
    this.#move(entry, event, { received, findings, editableUntil: editTime(upload), problem: event === 'gone' ? /** @type {any} */ ({ code: 'upload_gone', state }) : upload.problem });
    if (FINISHING.has(event)) this.#send(entry);
    if (event === 'spooled') this.#endEdits(entry);
    return undefined;
  }

  /** Draws it anew when its details may change no more. @param {Entry} entry */
  #endEdits(entry) {
    const { key, editableUntil: until } = entry.upload;
    if (until) setTimeout(() => this.entries.has(key) && this.page.changed(entry, 'facts'), until - Date.now());
  }

  /** Does this browser remember where the file lies? With lasting leave it goes on without a click. @param {Entry} entry */
  async #recall(entry) {
    entry.handle = await keptHandle(/** @type {string} */ (entry.upload.id));
    if (!entry.handle || entry.file) return;
    this.#set(entry, { hasHandle: true });
    if (entry.upload.state === 'needs_file') this.reopen(entry, false);
  }

  /** Only to advise: the server decides, and has more room tomorrow. */
  async #askLimits() {
    this.limits = await this.client.limits().catch(() => this.limits);
    for (const entry of this.entries.values()) if (!entry.upload.id) this.page.changed(entry, 'limits');
  }

  /** One file after the other, so that a folder of hundreds is not opened at once. */
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

  /**
   * Another tab let go of these without finishing them, or another browser went on with them.
   * @param {Set<string>} held ids that some tab sends @param {Set<string>} listed ids that wait for their bytes
   */
  offer(held, listed) {
    for (const entry of this.entries.values()) {
      const { state, id, hasFile } = entry.upload;
      if (!id) continue;
      if (state === 'elsewhere' && !hasFile && !held.has(id)) this.#refresh(entry);
      if (state === 'needs_file' && held.has(id)) this.#move(entry, 'hold');
      else if (state === 'needs_file' && !listed.has(id)) this.#refresh(entry);
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

  /** @param {string} key @param {File} picture */
  cover(key, picture) {
    const entry = this.entry(key);
    entry.cover = picture;
    if (!entry.upload.id) return;
    this.page.changed(entry, 'tags');
    this.#saveCover(entry);
  }

  /** @param {File} file */
  #resumable(file) {
    const name = file.name.normalize('NFC');
    const entry = [...this.entries.values()].find(({ upload }) => ['needs_file', 'elsewhere'].includes(upload.state)
      && upload.filename === name && upload.length === file.size);
    if (entry?.upload.state === 'needs_file') this.choose(entry.upload.key, file);
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
    const entry = this.#enter(file, { ...facts, state: /\.mp3$/i.test(file.name) ? 'queued' : 'asking' });
    if (entry.upload.state === 'asking') this.#mayBeSent(entry);
    return entry;
  }

  /** @param {File | null} file @param {Omit<Parameters<typeof newUpload>[0], 'key'>} facts @returns {Entry} */
  #enter(file, facts) {
    const key = `u${this.keys += 1}`;
    const upload = newUpload({ .../** @type {any} */ (facts), key });
    /** @type {Entry} */
    const entry = { upload, file, stranger: null, handle: null, force: false, hints: null, cover: null, uncovered: null, saved: { at: JSON.stringify(upload.tags), late: false, problem: null }, sender: '' };
    this.entries.set(key, entry);
    this.page.changed(entry, 'enter');
    return entry;
  }

  /** Of files with the same bytes only the first is sent. @param {Entry[]} entries just added */
  async #sendOnce(entries) {
    const queue = [...this.entries.values()];
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
        if (!this.entries.has(key) || entry.upload.state !== 'queued') break;
        if (!same || !isOpen(other.upload)) continue;
        this.#move(entry, 'same', { same: { key: other.upload.key, name: other.upload.filename } });
        break;
      }
      this.comparing.delete(key);
      this.start();
    }
  }

  /** What becomes of a file becomes of its equals; where it is not sent after all, the next of them is. @param {Entry} entry */
  #tellEquals({ upload }) {
    const { key, state, problem, findings } = upload;
    const equals = [...this.entries.values()].filter((entry) => entry.upload.state === 'same' && entry.upload.same?.key === key);
    if (equals.length === 0) return;
    if (state === 'rejected' || state === 'refused') for (const entry of equals) this.#move(entry, state, { problem, findings });
    if (!['cancelled', 'gone', 'needs_file'].includes(state)) return;
    for (const entry of equals) this.#move(entry, 'insist', { same: null });
    this.#sendOnce(equals);
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

  /** @param {Entry} entry */
  async #saveTags(entry) {
    const { key, id, tags } = entry.upload;
    const wanted = JSON.stringify(tags);
    try {
      await this.client.amend(/** @type {string} */ (id), { tags });
      entry.saved = { at: wanted, late: false, problem: null };
    } catch (error) {
      const what = editFailure(error);
      const problem = what === 'refused' ? /** @type {import('./client.js').Refusal} */ (error).problem : null;
      entry.saved = { at: what === 'late' ? wanted : '', late: what === 'late', problem };
      // What was typed meanwhile has a timer of its own.
      if (what === 'again' && entry.upload.tags === tags) this.timers.set(key, setTimeout(() => this.#saveTags(entry), AGAIN_MS));
    }
    if (this.entries.has(key)) this.page.changed(entry, 'tags_saved');
  }

  /** @param {Entry} entry */
  async #saveCover(entry) {
    const picture = entry.cover;
    entry.uncovered = null;
    try {
      await this.client.cover(/** @type {string} */ (entry.upload.id), /** @type {File} */ (picture));
    } catch (error) {
      if (editFailure(error) === 'again') return setTimeout(() => entry.cover === picture && this.#saveCover(entry), AGAIN_MS);
      entry.uncovered = /** @type {import('./client.js').Refusal} */ (error).problem;
    }
    if (entry.cover !== picture) return undefined;
    entry.cover = null;
    if (this.entries.has(entry.upload.key)) this.page.changed(entry, 'cover_saved');
    return undefined;
  }

  /** @param {Entry} entry */
  async #refresh(entry) {
    const upload = await this.client.show(/** @type {string} */ (entry.upload.id)).catch(() => null);
    if (upload && ['elsewhere', 'needs_file'].includes(entry.upload.state)) this.#catchUp(entry, upload);
  }

  /** @param {Entry} entry @param {string} event @param {Partial<PageUpload>} [facts] */
  #move(entry, event, facts = {}) {
    entry.upload = move(entry.upload, event, facts);
    this.page.changed(entry, event);
    this.#tellEquals(entry);
  }

  /** @param {Entry} entry @param {Partial<PageUpload>} facts @param {string} [event] */
  #set(entry, facts, event = 'facts') {
    entry.upload = Object.freeze({ ...entry.upload, ...facts });
    this.page.changed(entry, event);
  }

  /** @returns {boolean} leaving the page would stop something */
  get unsent() { return this.uploads.some(isUnsent); }
}
