/** Everybody's uploads that are on their way, with their speed; an editor may cancel them and say why. */
import { reason } from '../../describe.js';
import { bytes, exactly, left, moment, percent, timeLeft } from '../../format.js';
import { html } from '../../html.js';
import { icon } from '../../icons.js';
import { total } from '../../ranges.js';
import { Speed } from '../../speed.js';
import { language, say } from '../../words.js';
import { askReason } from '../dialog.js';
import { listSection } from '../list.js';

/** @typedef {import('../../client.js').Upload} Upload */

const EVERY_MS = 2000;
const STILL_MS = 60_000;
const PAGE = '100';

/** @param {string} time */
export const when = (time) => html`<time datetime="${time}" title="${exactly(time, language())}">${moment(time, language())}</time>`;

/** @param {{sender?: string | null}} upload @returns {string} */
export const from = ({ sender }) => sender || say('flight.nobody');

/**
 * @param {HTMLElement} root
 * @param {HTMLElement} count in the tab
 * @param {import('../files.js').Around} around
 */
export function flightSection(root, count, { client, asked, toast, may }) {
  /** @type {Map<string, {speed: Speed, safe: number, at: number}>} */
  const speeds = new Map();

  /** Bytes received since the last change count as one slice. @param {string} id @param {number} safe bytes */
  function note(id, safe) {
    const now = Date.now();
    const { speed, safe: before, at } = speeds.get(id) ?? { speed: new Speed(now), safe, at: now };
    if (safe > before) {
      speed.opened(0, safe - before, at);
      speed.recorded(0, now);
    }
    if (safe > before || !speeds.has(id)) speeds.set(id, { speed, safe, at: now });
  }

  async function load() {
    const { uploads, next } = await client.list({ state: 'receiving,received,verified', scope: 'all', limit: PAGE });
    for (const upload of uploads) note(upload.id, total(upload.received));
    count.textContent = uploads.length ? `${uploads.length}${next ? '+' : ''}` : '';
    return { rows: uploads, next: null };
  }

  /** @param {Upload} upload @returns {import('../list.js').Line} */
  function line(upload) {
    const lang = language();
    const safe = total(upload.received);
    const still = upload.state === 'receiving' && Date.now() - Date.parse(upload.updated_at) > STILL_MS;
    const rate = still ? null : speeds.get(upload.id)?.speed.rate(Date.now()) ?? null;
    const rest = timeLeft(rate, upload.length - safe);
    const words = rest === null ? null : left(rest);
    const [state, sign] = upload.problem ? ['rejected', 'stop'] : still ? ['paused', 'pause'] : upload.state === 'receiving' ? ['sending', 'up'] : ['verifying', 'lens'];
    return {
      state, sign: icon(/** @type {'up'} */ (sign)), title: upload.filename,
      facts: [upload.problem ? reason(upload.problem, upload.findings)
        : still ? say('flight.still', { time: moment(upload.updated_at, lang) }) : say(`flight.${upload.state}`), from(upload), when(upload.created_at)],
      numbers: [say('row.amount', { sent: bytes(safe, lang), length: bytes(upload.length, lang) }),
        [rate ? say('row.speed', { amount: bytes(rate, lang) }) : '', words ? say(words.key, words.values) : ''].filter(Boolean).join(' · ')],
      percent: percent(upload.length ? safe / upload.length : 0, lang),
      share: upload.length ? safe / upload.length : 0,
      actions: may('edit') && upload.state === 'receiving' ? [['cancel', 'cross']] : [],
    };
  }

  const section = listSection(root, asked, {
    load, line, empty: () => say('admin.no_flight'), every: EVERY_MS, keys: { trash: 'cancel' },
    acts: {
      async cancel(/** @type {Upload} */ upload) {
        const why = await askReason({ heading: say('cancel.heading', { name: upload.filename }), what: say('cancel.what'),
          label: say('cancel.reason'), yes: say('cancel.do'), no: say('cancel.keep'), grave: true });
        if (why === null) return;
        const done = await asked(() => client.cancel(upload.id, why).then(() => true), () => undefined);
        if (!done) return;
        section.remove(upload.id);
        toast.say(say('cancel.done', { name: upload.filename }));
      },
    },
  });
  return section;
}
