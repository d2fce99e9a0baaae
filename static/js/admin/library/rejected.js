/** Uploads that were rejected and are kept for a while: listen, download, check again, take anyway, delete. */
import { finding, reason } from '../../describe.js';
import { bytes, clock } from '../../format.js';
import { icon } from '../../icons.js';
import { knows, language, say } from '../../words.js';
import { confirmed } from '../dialog.js';
import { listSection } from '../list.js';
import { from, when } from './flight.js';

/** @typedef {import('../library-client.js').RejectedUpload} RejectedUpload */

const PAGE = '100';
const EVERY_MS = 10_000;
/** Waits for a verdict that did not come with the response, in seconds. */
const VERDICT_S = 60;
/** @type {Set<string>} */
const PENDING = new Set(['received', 'verified']);

/** @param {string | null | undefined} time @returns {string} */
const dayOf = (time) => (time ? new Intl.DateTimeFormat(language(), { month: 'short', day: 'numeric' }).format(new Date(time)) : '');

/**
 * @param {HTMLElement} root
 * @param {import('../files.js').Around} around
 */
export function rejectedSection(root, { client, asked, player, toast, go, may }) {
  /** What the player plays of it. @param {RejectedUpload} upload */
  const playable = (upload) => ({
    id: upload.id, filename: upload.filename, title: upload.tags?.title ?? null, artist: upload.tags?.artist ?? null,
    duration: upload.duration ?? 0, source: client.rejectedContent(upload.id),
  });

  /** @param {RejectedUpload} upload @param {string} said @returns {string} what else was found */
  const others = ({ findings, problem }, said) => [...new Set(findings
    .filter(({ severity, code }) => severity !== 'info' && code !== /** @type {any} */ (problem)?.finding
      && !(code === 'not_mpeg_audio' && problem?.code === 'not_mp3') && knows(`finding.${code}`))
    .map((one) => finding(one, findings)))].filter((words) => words !== said).join(' ');

  /** @param {RejectedUpload} upload @returns {import('../list.js').Line} */
  function line(upload) {
    const until = dayOf(upload.kept_until);
    const kept = upload.kept_bytes !== null;
    const why = reason(upload.problem, upload.findings);
    /** @type {import('../list.js').Line['actions']} */
    const edits = may('edit') ? [['recheck', 'again'], ['force', 'check'], ['delete', 'trash']] : [];
    return {
      state: 'rejected', sign: icon('stop'), title: upload.filename,
      facts: [why],
      note: [others(upload, why), from(upload), until && kept ? say('rejected.kept', { time: until }) : kept ? '' : say('rejected.gone')].filter(Boolean).join(' · '),
      numbers: [[upload.duration ? clock(upload.duration) : '', bytes(upload.length, language())].filter(Boolean).join(' · '), when(upload.updated_at)],
      actions: kept ? [[player.playing(upload.id) ? 'pause' : 'listen', player.playing(upload.id) ? 'pause' : 'play'],
        ['download', 'down', client.rejectedContent(upload.id)], ...edits] : [],
    };
  }

  /** @param {RejectedUpload} upload @param {'recheck' | 'force'} how */
  async function review(upload, how) {
    let checked = await asked(() => client.review(upload.id, how), () => undefined);
    if (!checked) return;
    if (PENDING.has(checked.state)) {
      section.remove(upload.id);
      toast.say(say('rejected.checking', { name: upload.filename }));
    }
    for (let tries = 0; PENDING.has(checked.state) && tries < VERDICT_S; tries += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
      checked = await client.show(upload.id).catch(() => /** @type {import('../../client.js').Upload} */ (checked));
    }
    if (checked.state === 'rejected') {
      section.put({ ...upload, ...checked });
      toast.complain(say('rejected.again', { name: upload.filename }));
      return;
    }
    section.remove(upload.id);
    const file = checked.file?.id;
    toast.say(say(checked.state === 'spooled' ? 'rejected.taken' : 'rejected.checking', { name: upload.filename }),
      file ? { words: say('rejected.show'), act: () => go({ section: 'files', filters: {}, file }) } : undefined);
  }

  const listen = (/** @type {RejectedUpload} */ upload) => { player.toggle(playable(upload)); };
  const section = listSection(root, asked, {
    load: async (cursor) => {
      const { uploads, next } = await client.rejected({ limit: PAGE, cursor });
      return { rows: uploads, next };
    },
    line, empty: () => say('admin.no_rejected'), every: EVERY_MS, keys: { play: 'listen', trash: 'delete' },
    acts: {
      listen,
      pause: listen,
      recheck: (upload) => { review(upload, 'recheck'); },
      async force(upload) {
        const sure = await confirmed(say('rejected.force_heading', { name: upload.filename }), say('rejected.force_what', { reason: reason(upload.problem, upload.findings) }), say('act.force'));
        if (sure !== null) review(upload, 'force');
      },
      async delete(upload) {
        if (await confirmed(say('rejected.delete_heading', { name: upload.filename }), say('rejected.delete_what'), say('act.delete')) === null) return;
        const done = await asked(() => client.deleteRejected(upload.id).then(() => true), () => undefined);
        if (!done) return;
        section.remove(upload.id);
        toast.say(say('rejected.deleted', { name: upload.filename }));
      },
    },
  });
  return { ...section, played: section.redraw };
}
