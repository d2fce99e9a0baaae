/**
 * An upload of the page: a frozen value and a table of its transitions. Neither DOM nor network. The Worker's events may
 * arrive late (a last "sending" after a click on Pause): `may` tells whether one is still valid.
 *
 * @typedef {import('./client.js').Tags} Tags
 * @typedef {import('./client.js').Problem} Problem
 * @typedef {import('./ranges.js').Span} Span
 *
 * @typedef {'asking'|'queued'|'preparing'|'sending'|'waiting'|'paused'|'elsewhere'|'needs_file'|'verifying'|'tagging'
 *   |'stuck'|'ready'|'duplicate'|'same'|'rejected'|'refused'|'cancelled'|'gone'} State
 *
 * @typedef {object} PageUpload
 * @property {string} key the page's id of the row
 * @property {string | null} id the server's id; null before it was created
 * @property {string} filename NFC
 * @property {number} length bytes
 * @property {State} state
 * @property {Span[]} received recorded by the server
 * @property {number} flying bytes in flight, not yet recorded
 * @property {number} ahead bytes in flight that have probably arrived; used for the time left only
 * @property {number | null} rate bytes per second while it is sent
 * @property {number | null} share 0…1 progress of verifying a file that was chosen again
 * @property {number | null} until ms (Date.now) of the next try
 * @property {string | null} why code of the reason for waiting
 * @property {Problem | null} problem reason of its end
 * @property {import('./client.js').Finding[]} findings of the server, once verified
 * @property {{code: string, size?: number} | null} note about a chosen file that is a different one
 * @property {import('./client.js').Upload | null} twin the finished upload of the same bytes
 * @property {{key: string, name: string} | null} same the row with the same bytes
 * @property {boolean} hasHandle a click is enough to read the file
 * @property {import('./file-kind.js').Kind | null} kind detected type of a file to confirm; null before it was read
 * @property {boolean} hasFile the page has the file
 * @property {boolean} mine false: another browser's upload, continued here by its link; it may only be sent
 * @property {Tags} tags
 * @property {number} editableUntil ms (Date.now) until which the details of a finished upload may change
 */

/** Events that the server or the Worker may report of any open upload. */
const FOLLOW = {
  received: 'verifying', verified: 'tagging', stuck: 'stuck', spooled: 'ready', rejected: 'rejected',
  refused: 'refused', gone: 'gone',
};
const MOVING = {
  ...FOLLOW, sending: 'sending', wait: 'waiting', hold: 'elsewhere', mismatch: 'needs_file', lost_file: 'needs_file',
  pause: 'paused', cancel: 'cancelled',
};

/**
 * state → event → next state.
 * @type {Record<State, Record<string, State>>}
 */
const TABLE = /** @type {any} */ ({
  asking: { accept: 'queued', refused: 'refused' },
  queued: { start: 'preparing', pause: 'paused', cancel: 'cancelled', same: 'same', ...FOLLOW },
  preparing: { ...MOVING, created: 'preparing', proving: 'preparing', duplicate: 'duplicate' },
  sending: { ...MOVING, created: 'sending', progress: 'sending', duplicate: 'duplicate' },
  waiting: { ...MOVING, created: 'waiting', proving: 'preparing', progress: 'waiting', duplicate: 'duplicate' },
  paused: { ...FOLLOW, progress: 'paused', duplicate: 'duplicate', resume: 'queued', created: 'paused', cancel: 'cancelled', mismatch: 'needs_file' },
  elsewhere: { ...MOVING, proving: 'preparing', offer: 'needs_file' },
  needs_file: { ...FOLLOW, pick: 'queued', mismatch: 'needs_file', hold: 'elsewhere', cancel: 'cancelled' },
  verifying: { ...FOLLOW, wait: 'verifying' },
  tagging: { ...FOLLOW, wait: 'tagging' },
  stuck: { ...FOLLOW, wait: 'stuck' },
  ready: {},
  duplicate: { insist: 'queued' },
  same: { insist: 'queued', rejected: 'rejected', refused: 'refused' },
  rejected: {},
  refused: { again: 'queued' },
  cancelled: { again: 'queued' },
  gone: { again: 'queued' },
});

/** User actions in a state, in the order of the buttons. @type {Record<State, string[]>} */
const ACTIONS = {
  asking: ['accept', 'dismiss'],
  queued: ['first', 'cancel'],
  preparing: ['pause', 'cancel'],
  sending: ['pause', 'cancel'],
  waiting: ['try', 'pause', 'cancel'],
  paused: ['resume', 'cancel'],
  elsewhere: [],
  needs_file: ['continue', 'choose', 'share', 'cancel'],
  verifying: [],
  tagging: [],
  stuck: [],
  ready: ['dismiss'],
  duplicate: ['insist', 'dismiss'],
  same: ['insist', 'dismiss'],
  rejected: ['dismiss'],
  refused: ['again', 'dismiss'],
  cancelled: ['again', 'dismiss'],
  gone: ['again', 'dismiss'],
};

export const ENDS = new Set(['ready', 'duplicate', 'same', 'rejected', 'refused', 'cancelled', 'gone']);
const UNSENT = new Set(['queued', 'preparing', 'sending', 'waiting', 'paused']);
const ACTIVE = new Set(['preparing', 'sending', 'waiting']);

/** @param {PageUpload} upload @returns {boolean} leaving the page now would stop bytes from being sent */
export const isUnsent = (upload) => upload.hasFile && UNSENT.has(upload.state);

/** Error codes without a response; the page shows them once for all rows. */
const UNREACHABLE = new Set(['unreachable', 'http_502', 'http_504']);

/** @param {PageUpload} upload @returns {boolean} it waits for the connection or the server */
export const isCutOff = (upload) => upload.until !== null && UNREACHABLE.has(upload.why ?? '');

/** @param {PageUpload} upload @returns {boolean} it continues after a sign-in */
export const isSignedOut = (upload) => upload.until !== null && upload.why === 'unauthorized';

/** @param {PageUpload} upload @returns {boolean} it counts as a running transfer */
export const isActive = (upload) => ACTIVE.has(upload.state);

/**
 * @param {PageUpload} upload
 * @param {number} now ms
 * @returns {boolean} its name, tags and cover may be edited: not before it is sent, and for a while after its end
 */
export const isEditable = ({ state, mine, editableUntil }, now) => mine && state !== 'asking' && state !== 'elsewhere'
  && (state === 'ready' ? now < editableUntil : !ENDS.has(state));

/**
 * @param {Partial<PageUpload> & {key: string, filename: string, length: number}} facts
 * @returns {PageUpload}
 */
export function newUpload(facts) {
  return Object.freeze({
    id: null, state: /** @type {State} */ ('queued'), received: [], flying: 0, ahead: 0, share: null, until: null, why: null,
    rate: null, problem: null, findings: [], note: null, twin: null, same: null, kind: null, hasHandle: false, hasFile: false, mine: true, tags: {}, editableUntil: 0, ...facts, filename: facts.filename.normalize('NFC'),
  });
}

/** @param {PageUpload} upload @param {string} event @returns {boolean} */
export const may = (upload, event) => event in TABLE[upload.state];

/**
 * @param {PageUpload} upload
 * @param {string} event
 * @param {Partial<PageUpload>} [facts] further changes
 * @returns {PageUpload}
 */
export function move(upload, event, facts = {}) {
  const state = TABLE[upload.state][event];
  if (!state) throw new Error(`${event} is no move from ${upload.state}`);
  const fresh = state === upload.state ? {} : { until: null, why: null, share: null };
  const landed = state === 'sending' ? {} : { flying: 0, ahead: 0, rate: null };
  return Object.freeze({ ...upload, ...fresh, ...landed, ...facts, state });
}

/** @param {PageUpload} upload @returns {string[]} */
export function actions(upload) {
  const needsBytes = new Set(['again', 'insist', 'accept']);
  return ACTIONS[upload.state].filter((action) => (upload.hasFile || !needsBytes.has(action))
    && (upload.hasHandle || action !== 'continue')
    && (upload.mine || action !== 'cancel')
    && (upload.kind || action !== 'accept')
    && !(action === 'try' && (isCutOff(upload) || isSignedOut(upload))));
}
