/**
 * Texts and numbers of a row, from the upload's state. No DOM.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 * @typedef {import('./id3-preview.js').Hints} Hints
 * @typedef {import('./client.js').Limits} Limits
 * @typedef {keyof typeof SIGNS} Sign
 * @typedef {import('./client.js').Finding} Finding
 */
import { kindNamed } from './file-kind.js';
import { bytes, clock, left, moment, percent, timeLeft } from './format.js';
import { total } from './ranges.js';
import { ENDS, isCutOff, isEditable, isSignedOut } from './upload.js';
import { knows, language, learn, say } from './words.js';

await learn((tag) => import(`./findings/words.${tag}.js`));

/** @type {Record<import('./upload.js').State, Parameters<typeof import('./icons.js').icon>[0]>} */
export const SIGNS = {
  asking: 'question', queued: 'clock', preparing: 'lens', sending: 'up', waiting: 'unplugged', paused: 'pause',
  elsewhere: 'tabs', needs_file: 'file', verifying: 'lens', tagging: 'tag', stuck: 'stop', ready: 'check', duplicate: 'check', same: 'check',
  rejected: 'stop', refused: 'stop', cancelled: 'dash', gone: 'stop',
};

/** States in which progress is shown. */
const MEASURED = new Set(['preparing', 'sending', 'waiting', 'paused', 'elsewhere']);

/** Damage that lasts to the end of the file if it has no end of its own. */
const LASTING = new Set(['zero_hole', 'sync_lost']);
/** Findings of audio that was not encoded as MP3. */
const FOREIGN = new Set(['not_mpeg_audio', 'unsupported_layer', 'free_format']);
const DAY_SECONDS = 86_400;

/** @param {Finding} found @param {number} others findings of the same code @returns {string} its position in minutes and seconds */
function place(found, others) {
  if (typeof found.start_seconds !== 'number') return '';
  const [from, to] = [clock(found.start_seconds), typeof found.stop_seconds === 'number' ? clock(found.stop_seconds) : ''];
  const at = say(`place.${to && to !== from ? 'between' : !to && LASTING.has(found.code) ? 'on' : 'at'}`, { from, to });
  return others > 0 ? say('place.more', { place: at, count: others }) : at;
}

/** @param {Finding} found @param {Finding[]} all @returns {string} the finding and its position */
export function finding(found, all) {
  const others = all.filter(({ code }) => code === found.code).length - 1;
  const [start, stop] = [found.start_seconds, found.stop_seconds];
  const timed = `finding.${found.code}.at`;
  if (typeof start === 'number' && typeof stop === 'number' && knows(timed)) return say(timed, { from: clock(start), to: clock(stop) });
  return say(`finding.${found.code}`, { place: place(found, others) });
}

/** @param {Finding[]} findings @returns {Finding | undefined} the reason of a rejection */
const gravest = (findings) => findings.find(({ severity, code }) => severity === 'reject' && knows(`finding.${code}`));

/** @param {import('./file-kind.js').Kind | null | undefined} kind @returns {string} the name of a file type other than MP3 */
const foreign = (kind) => say(kind && kind.group !== 'mp3' ? `foreign.${kind.group}` : 'why.not_mp3', { kind: kind?.name ?? '' });

/**
 * @param {import('./client.js').Problem | null | undefined} problem
 * @param {Finding[]} [findings] of the file, if known
 * @returns {string} the reason in words; the server's own text if we have none
 */
export function reason(problem, findings = []) {
  const code = problem?.code ?? 'unexpected';
  const { state, kind, finding: named, of } = /** @type {any} */ (problem ?? {});
  if (code === 'upload_gone' && knows(`why.${state}`)) return say(`why.${state}`);
  if (code === 'file_too_large' && !problem?.limit) return say('why.file_too_large_unknown');
  if (code === 'foreign') return foreign(kind);
  if (knows(`why.${code}_${of}`)) return say(`why.${code}_${of}`);
  /** @type {Finding | undefined} */
  const found = gravest(findings) ?? (knows(`finding.${named}`) ? { code: named, severity: 'reject' } : undefined);
  if (code === 'not_mp3' && found?.code === 'not_mpeg_audio') return foreign(kindNamed(String(found.actual)));
  if (found && (code === 'damaged' || code === 'not_mp3')) return finding(found, findings);
  if (code === 'cancelled_by_station') return problem?.reason ? say('why.cancelled_by_station', { reason: problem.reason }) : say('why.cancelled_by_station_unsaid');
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
  // The banner shows one countdown for all rows.
  return say('state.waiting');
}

/** @param {PageUpload} upload @returns {string} what is wrong with the chosen file; empty if nothing */
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
    case 'asking': return say(upload.kind ? 'state.asking' : 'state.preparing');
    case 'paused': return say(upload.flying > 0 ? 'state.pausing' : 'state.paused');
    case 'preparing':
      return upload.share === null ? say('state.preparing')
        : say('state.proving', { percent: percent(upload.share, language()) });
    case 'needs_file': return say(upload.received.length ? 'state.needs_file' : 'state.needs_file_unsent', sizes);
    case 'duplicate':
      return upload.twin ? say('state.duplicate_since', { name: upload.twin.filename, time: moment(upload.twin.created_at, language()) })
        : say('state.duplicate');
    case 'same': return say('state.same', { name: upload.same?.name ?? '' });
    case 'rejected': case 'refused': case 'gone':
      return say(`state.${upload.state}`, { reason: reason(upload.problem, upload.findings) });
    default: return say(`state.${upload.state}`);
  }
}

/** What will probably be refused. @param {PageUpload} upload @param {Limits | null} limits */
function oversize(upload, limits) {
  if (!limits || upload.id || upload.length <= limits.largest) return '';
  return upload.length > limits.file ? say('advice.too_large', { limit: bytes(limits.file, language()) })
    : say('advice.no_room', { limit: bytes(limits.largest, language()) });
}

/** Remarks on a file that was stored; without garbled text, which a button repairs. @param {PageUpload} upload @param {Hints | null} hints */
function remarks({ findings }, hints) {
  const odd = findings.filter(({ severity, code }) => severity === 'warn' && knows(`finding.${code}`)
    && !(code === 'text_mislabelled' && hints?.repaired));
  return odd.length ? say('advice.remarks', {
    remarks: odd.filter(({ code }, k) => odd.findIndex((other) => other.code === code) === k).map((one) => finding(one, odd)).join(' ') }) : '';
}

/** What to do about a rejection, and what becomes of the file. @param {PageUpload} upload @param {Limits | null} limits */
function remedy({ problem, findings }, limits) {
  const found = gravest(findings);
  const code = problem?.code ?? '';
  if (code === 'duplicate') return '';
  const known = code === 'not_mp3' && kindNamed(String(found?.actual));
  const todo = !['damaged', 'not_mp3', 'too_costly'].includes(code) || known ? '' : FOREIGN.has(found?.code ?? '') ? 'export_mp3' : 'export';
  const days = Math.floor((limits?.quarantine_lifetime ?? 0) / DAY_SECONDS);
  return [todo && say(`todo.${todo}`), days > 0 ? say('kept.days', { count: days }) : say('kept.now')].filter(Boolean).join(' ');
}

/**
 * Warnings about the local file, while the user can still act on them.
 * @param {PageUpload} upload @param {Hints | null} hints @param {Limits | null} limits @param {number} now ms
 */
function advice(upload, hints, limits, now) {
  if (upload.state === 'ready') return [offer(upload, hints, now), remarks(upload, hints)].filter(Boolean).join(' ');
  if (upload.state === 'rejected') return remedy(upload, limits);
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
  const rest = moving ? timeLeft(upload.rate, upload.length - safe - upload.ahead) : null;
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
 * @returns {{seconds: number} | null} seconds until the next retry of an upload without a connection; null if it has one
 */
export function lineTrouble(uploads, now) {
  const stuck = uploads.filter(isCutOff);
  if (stuck.length === 0) return null;
  return { seconds: Math.min(...stuck.map((upload) => seconds(upload, now))) };
}
