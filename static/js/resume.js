/**
 * Unfinished uploads on the server: this browser's, and one of another browser whose link was opened here. Requested at
 * the start, before new files are sent, and when the page becomes visible.
 */
import { delay } from './backoff.js';
import { Refusal } from './client.js';
import { say } from './words.js';

const STATES = 'receiving,received,verified';
const SOON_MS = 1500;

/** @returns {Promise<Set<string>>} ids of uploads that a tab of this browser sends */
async function heldIds() {
  const locks = await navigator.locks?.query();
  const names = (locks?.held ?? []).map((lock) => lock.name ?? '');
  return new Set(names.map((name) => name.split(' ').pop() ?? ''));
}

/**
 * @param {string} base of the page
 * @param {string} id of an upload, with which another browser can continue it
 * @param {(text: string) => void} announce
 * @returns {Promise<void>} when the link is copied, or was shown to be copied
 */
export async function shareLink(base, id, announce) {
  const link = `${base}#continue=${id}`;
  try {
    // Browsers have no clipboard on plain HTTP.
    await navigator.clipboard.writeText(link);
    announce(say('say.link'));
  } catch {
    prompt(say('link.here'), link);
  }
}

/** The opened link is stored in the history's state, so that a reload requests the upload again until it has ended. */
let opened = '';

/** @returns {string | undefined} the id in the page's URL; it is removed there, so that it is not shared by accident */
function linkedId() {
  const [, id] = location.hash.match(/^#continue=([\w-]+)$/) ?? [];
  if (id) history.replaceState({ upload: id }, '', location.pathname + location.search);
  return history.state?.upload;
}

/** The row was dismissed. @param {string | null} id */
export const forgetLink = (id) => { if (id && history.state?.upload === id) history.replaceState(null, ''); };

/**
 * @param {import('./client.js').Client} client
 * @returns {Promise<import('./client.js').Upload | null | undefined>} undefined without a link, null if the upload does not exist
 */
async function linked(client) {
  const id = linkedId();
  if (!id || id === opened) return undefined;
  const upload = await client.show(id).catch((error) => {
    if (error instanceof Refusal) return null;
    throw error;
  });
  opened = id;
  if (upload?.state !== 'receiving') history.replaceState(null, '');
  return upload;
}

/**
 * @param {import('./client.js').Client} client
 * @param {import('./upload-list.js').UploadList} board
 * @returns {Promise<boolean>} false if the opened link has no upload
 */
export async function refresh(client, board) {
  const [{ uploads }, held, other] = await Promise.all([client.list({ state: STATES, limit: '100' }), heldIds(), linked(client)]);
  const listed = new Set(uploads.map(({ id }) => id));
  // Editing one tag of a row without all tags would delete the others.
  const whole = await Promise.all(uploads.map((upload) => (board.server.needs(upload) ? client.show(upload.id) : upload)));
  for (const upload of [...whole.reverse(), ...(other ? [other] : [])]) board.server.adopt(upload, held.has(upload.id));
  board.server.offer(held, listed);
  return other !== null;
}

/**
 * Delays new uploads until the list is there, but not longer than a user would notice.
 * @param {import('./client.js').Client} client
 * @param {import('./upload-list.js').UploadList} board
 * @param {Promise<void>} known when it is known who visits the page, and so what goes with the uploads
 */
export async function refreshFirst(client, board, known) {
  board.held += 1;
  const soon = new Promise((resolve) => setTimeout(resolve, SOON_MS));
  await Promise.race([Promise.all([refresh(client, board).catch(() => undefined), known]), soon]);
  board.held -= 1;
  board.start();
}

/**
 * @param {import('./client.js').Client} client
 * @param {import('./upload-list.js').UploadList} board
 * @param {(failed: boolean, found: boolean) => void} tell
 */
export async function refreshForEver(client, board, tell) {
  for (let failures = 1; ; failures += 1) {
    try {
      return tell(false, await refresh(client, board));
    } catch {
      tell(true, true);
      await new Promise((resolve) => setTimeout(resolve, delay(failures, null)));
    }
  }
}
