/**
 * Stores file handles (Chromium, https) in IndexedDB by upload id, so that one click continues an upload after a reload
 * or restart, without a picker. They are deleted when the upload ends, or after 14 days. All of this is optional: after a
 * failure the file has to be chosen again.
 */

const NAME = 'media_service';
const STORE = 'handles';
const KEPT_MS = 14 * 24 * 3600 * 1000;

/** @type {WeakMap<File, any>} */
const handles = new WeakMap();

/** @param {File} file @returns {any} its handle, if it has one */
export const handleOf = (file) => handles.get(file) ?? null;

/** @param {any} handle of a file @returns {Promise<File>} */
async function open(handle) {
  const file = await handle.getFile();
  handles.set(file, handle);
  return file;
}

/** @param {any} handle of a file or folder @returns {Promise<File[]>} by name, without hidden ones */
export async function filesOfHandle(handle) {
  if (handle.kind === 'file') return [await open(handle)];
  const inside = [];
  for await (const one of handle.values()) if (!one.name.startsWith('.')) inside.push(one);
  const order = new Intl.Collator(undefined, { numeric: true });
  inside.sort((a, b) => order.compare(a.name, b.name));
  const files = [];
  for (const one of inside) files.push(...await filesOfHandle(one));
  return files;
}

/**
 * @param {Promise<any[]> | null} [asked] an open picker
 * @returns {Promise<File[] | null>} the chosen files, with handles; null if the browser needs a file input
 */
export async function pickFiles(asked) {
  const picker = /** @type {any} */ (globalThis).showOpenFilePicker;
  if (!picker) return null;
  try {
    const types = [{ description: 'MP3', accept: { 'audio/mpeg': ['.mp3'] } }];
    return await Promise.all((await (asked ?? picker({ multiple: true, types }))).map(open));
  } catch (error) {
    return /** @type {any} */ (error)?.name === 'AbortError' ? [] : null;
  }
}

/** @param {IDBRequest | IDBTransaction} request @returns {Promise<any>} */
const done = (request) => new Promise((resolve, reject) => {
  request.onerror = () => reject(request.error);
  if (request instanceof IDBTransaction) request.oncomplete = resolve;
  else request.onsuccess = () => resolve(request.result);
});

/**
 * @param {'readonly' | 'readwrite'} mode
 * @param {(store: IDBObjectStore) => IDBRequest} work
 */
async function stored(mode, work) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
  const database = await done(opening);
  try {
    return await done(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** @param {string} id of the upload @param {any} handle */
export const keepHandle = (id, handle) => stored('readwrite', (store) => store.put({ id, handle, at: Date.now() }))
  .catch(() => undefined);

/** @param {string} id */
export const forgetHandle = (id) => stored('readwrite', (store) => store.delete(id)).catch(() => undefined);

/** @param {string} id @returns {Promise<any>} the handle, or null */
export async function keptHandle(id) {
  const kept = await stored('readonly', (store) => store.get(id)).catch(() => null);
  return kept?.handle ?? null;
}

export async function forgetOldHandles() {
  const all = await stored('readonly', (store) => store.getAll()).catch(() => []);
  for (const { id, at } of all) if (Date.now() - at > KEPT_MS) await forgetHandle(id);
}

/**
 * @param {any} handle
 * @param {boolean} ask after a click, so that the browser may ask for permission
 * @returns {Promise<File | 'denied' | 'unreadable'>}
 */
export async function reopen(handle, ask) {
  try {
    const wish = { mode: 'read' };
    const leave = await handle.queryPermission(wish);
    if (leave !== 'granted' && !(ask && (await handle.requestPermission(wish)) === 'granted')) return 'denied';
    return await open(handle);
  } catch {
    return 'unreadable';
  }
}
