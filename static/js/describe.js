/**
 * What a row says about its upload: words and numbers from facts, no document here.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 * @typedef {import('./hints.js').Hints} Hints
 * @typedef {import('./client.js').Limits} Limits
 * @typedef {keyof typeof SIGNS} Sign
 */
import { bytes, left, moment, percent } from './format.js';
import { total } from './ranges.js';
import { timeLeft } from './speed.js';
import { ENDS, isCutOff, isEditable, isSignedOut } from './upload.js';
import { knows, language, learn, say } from './words.js';

await learn((tag) => import(`./findings/words.${tag}.js`));

/** @type {Record<import('./upload.js').State, Parameters<typeof import('./icons.js').icon>[0]>} */
export const SIGNS = {
  asking: 'question', queued: 'clock', preparing: 'lens', sending: 'up', waiting: 'unplugged', paused: 'pause',
  elsewhere: 'tabs', needs_file: 'file', verifying: 'lens', tagging: 'tag', stuck: 'stop', ready: 'check', duplicate: 'check',
  rejected: 'stop', refused: 'stop', cancelled: 'dash', gone: 'stop',
};

/** States whose numbers still mean something. */
const MEASURED = new Set(['preparing', 'sending', 'waiting', 'paused', 'elsewhere']);

/**
 * @param {import('./client.js').Problem | null | undefined} problem
 * @returns {string} why, in words; what the server said where we have no words of our own
 */
export function reason(problem) {
  const code = problem?.code ?? 'unexpected';
  const state = /** @type {any} */ (problem)?.state;
  if (code === 'upload_gone' && knows(`why.${state}`)) return say(`why.${state}`);
  if (code === 'file_too_large' && !problem?.limit) return say('why.file_too_large_unknown');
  const found = `finding.${/** @type {any} */ (problem)?.finding}`;
  if (code === 'damaged' && knows(found)) return say(found);
  if (knows(`why.${code}`)) return say(`why.${code}`, { limit: bytes(problem?.limit ?? 0, language()) });
  return problem?.detail || problem?.title || code;
}

/** @param {PageUpload} upload @param {number} now ms @returns {number} whole seconds, at least 0 */
const seconds = (upload, now) => Math.max(0, Math.ceil(((upload.until ?? now) - now) / 1000));

/** @param {PageUpload} upload @param {number} now @returns {string} */
function waiting(upload, now) {
  const rest = seconds(upload, now);
  const why = upload.why ?? 'unreachable';
  if (isSignedOut(upload)) return say('state.signed_out');
  if (!isCutOff(upload) && rest > 0) {
    return say(knows(`wait.${why}`) ? `wait.${why}` : 'wait.server', { seconds: rest });
  }
  return rest > 0 ? say('state.waiting_in', { seconds: rest }) : say('line.now');
}

/** @param {PageUpload} upload @returns {string} what is wrong with the picked file; empty when nothing is */
export function note(upload) {
  if (!upload.note) return '';
  const { code, size = 0 } = upload.note;
  return say(`note.${code}`, { size: bytes(size, language()), expected: bytes(upload.length, language()) });
}

/** @param {PageUpload} upload @param {number} now ms @returns {string} */
function status(upload, now) {
  const sizes = { sent: bytes(total(upload.received), language()), length: bytes(upload.length, language()) };
  switch (upload.state) {
    case 'waiting': return waiting(upload, now);
    case 'paused': return say(upload.flying > 0 ? 'state.pausing' : 'state.paused');
    case 'preparing':
      return upload.share === null ? say('state.preparing')
        : say('state.proving', { percent: percent(upload.share, language()) });
    case 'needs_file': return say(upload.received.length ? 'state.needs_file' : 'state.needs_file_unsent', sizes);
    case 'duplicate':
      return upload.twin ? say('state.duplicate_since', { name: upload.twin.filename, time: moment(upload.twin.created_at, language()) })
        : say('state.duplicate');
    case 'rejected': case 'refused': case 'gone':
      return say(`state.${upload.state}`, { reason: reason(upload.problem) });
    default: return say(`state.${upload.state}`);
  }
}

/** What will probably be refused. @param {PageUpload} upload @param {Limits | null} limits */
function oversize(upload, limits) {
  if (!limits || upload.id || upload.length <= limits.largest) return '';
  return upload.length > limits.file ? say('advice.too_large', { limit: bytes(limits.file, language()) })
    : say('advice.no_room', { limit: bytes(limits.largest, language()) });
}

/** What is odd about a file that was stored all the same; not the garbled text that can be repaired by a click. @param {PageUpload} upload @param {Hints | null} hints */
function remarks({ findings }, hints) {
  const odd = findings.filter(({ severity, code }) => severity === 'warn' && knows(`finding.${code}`)
    && !(code === 'text_mislabelled' && hints?.repaired));
  return odd.length ? say('advice.remarks', { remarks: odd.map(({ code }) => say(`finding.${code}`)).join(' ') }) : '';
}

/**
 * While something can still be done about it: what the file itself says and should not.
 * @param {PageUpload} upload @param {Hints | null} hints @param {Limits | null} limits @param {number} now ms
 */
function advice(upload, hints, limits, now) {
  if (upload.state === 'ready') return [offer(upload, hints, now), remarks(upload, hints)].filter(Boolean).join(' ');
  if (ENDS.has(upload.state) || upload.state === 'asking') return '';
  const size = oversize(upload, limits);
  if (size || !hints) return size;
  return hints.audio ? offer(upload, hints, now) : say('advice.no_audio');
}

/** @param {PageUpload} upload @param {Hints | null} hints @param {number} now ms @returns {string} how its tags can be repaired */
function offer(upload, hints, now) {
  const name = garbled(upload, hints, now);
  return name ? say('advice.repair', { before: hints?.names[name] ?? '', after: hints?.repaired?.[name] ?? '' }) : '';
}

/** @param {PageUpload} upload @param {Hints | null} hints @param {number} now ms @returns {'title' | undefined} a tag that can be repaired */
const garbled = (upload, hints, now) => (isEditable(upload, now) && hints?.audio
  ? /** @type {'title'[]} */ (Object.keys(hints.repaired ?? {})).find((name) => !upload.tags[name]) : undefined);

/**
 * @param {PageUpload} upload
 * @param {Hints | null} hints
 * @param {Limits | null} limits
 * @param {number} now ms
 */
export function describe(upload, hints, limits, now) {
  const lang = language();
  const safe = total(upload.received);
  const sent = Math.min(upload.length, safe + upload.flying);
  const measured = MEASURED.has(upload.state);
  const moving = upload.state === 'sending' && upload.rate;
  const rest = moving ? timeLeft(upload.rate, upload.length - safe) : null;
  const words = rest === null ? null : left(rest);
  return {
    sign: isSignedOut(upload) ? /** @type {const} */ ('key') : SIGNS[upload.state],
    status: status(upload, now),
    note: note(upload),
    advice: advice(upload, hints, limits, now),
    repair: !oversize(upload, limits) && Boolean(garbled(upload, hints, now)),
    percent: measured ? percent(upload.length ? safe / upload.length : 0, lang) : '',
    amount: measured && safe > 0
      ? say('row.amount', { sent: bytes(safe, lang), length: bytes(upload.length, lang) }) : bytes(upload.length, lang),
    pace: [moving ? say('row.speed', { amount: bytes(moving, lang) }) : '', words ? say(words.key, words.values) : '']
      .filter(Boolean).join(' · '),
    safe: upload.length ? safe / upload.length : 0,
    sent: upload.length ? sent / upload.length : 0,
  };
}

/**
 * @param {PageUpload[]} uploads
 * @param {number} now ms
 * @returns {{seconds: number} | null} the next try of an upload whose line is gone; null while the line holds
 */
export function lineTrouble(uploads, now) {
  const stuck = uploads.filter(isCutOff);
  if (stuck.length === 0) return null;
  return { seconds: Math.min(...stuck.map((upload) => seconds(upload, now))) };
}
