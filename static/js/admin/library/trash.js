/** The trash: what is in it, who put it there, why, and until when it can be restored. */
import { bytes, clock, exactly } from '../../format.js';
import { html } from '../../html.js';
import { icon } from '../../icons.js';
import { language, say } from '../../words.js';
import { actorName } from '../audit/audit.js';
import { confirmed } from '../dialog.js';
import { listSection } from '../list.js';
import { called } from './file-rows.js';
import { when } from './flight.js';
import { askWhyTrashed } from './trashing.js';

/** @typedef {import('../files.js').StoredFile} StoredFile */

const PAGE = '100';
const TYPING_MS = 200;

/**
 * @param {HTMLElement} root
 * @param {import('../files.js').Around} around
 */
export function trashSection(root, { client, asked, player, toast, trashing, go, may }) {
  let q = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;

  /** @param {string | null | undefined} time */
  const day = (time) => (time ? html`<time datetime="${time}" title="${exactly(time, language())}">${new Intl.DateTimeFormat(language(), { month: 'short', day: 'numeric' }).format(new Date(time))}</time>` : '');

  /** @param {StoredFile} file @returns {import('../list.js').Line} */
  function line(file) {
    const { by, reason, at, purge_at: until } = file.trash ?? { by: null, reason: null, at: file.uploaded_at, purge_at: null };
    const playing = player.playing(file.id);
    return {
      state: 'trashed', sign: icon('trash'), title: called(file),
      facts: [file.artist ?? '', say('trash.by', { name: actorName(by) }), when(at)],
      note: reason ? say('trash.reason', { reason }) : '',
      numbers: [`${clock(file.duration)} · ${bytes(file.size, language())}`, until ? html`${say('trash.until')} ${day(until)}` : ''],
      actions: [[playing ? 'pause' : 'listen', playing ? 'pause' : 'play'],
        .../** @type {import('../list.js').Line['actions'] & {}} */ (may('edit') ? [['restore', 'back'], ['reason', 'pen']] : []),
        .../** @type {import('../list.js').Line['actions'] & {}} */ (may('admin') ? [['purge', 'cross']] : [])],
    };
  }

  /** @param {HTMLElement} tools */
  function drawTools(tools) {
    const label = say('trash.search');
    if (tools.firstChild) {
      const input = tools.querySelector('input');
      input?.setAttribute('aria-label', label);
      input?.setAttribute('placeholder', label);
      return;
    }
    tools.replaceChildren(html`<p class="finder">${icon('lens')}<input type="search" value="${q}" aria-label="${label}" placeholder="${label}" autocomplete="off" spellcheck="false"></p>`);
    tools.querySelector('input')?.addEventListener('input', (event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      clearTimeout(typing);
      typing = setTimeout(() => go({ section: 'trash', filters: { q: value.trim() } }, true), TYPING_MS);
    });
  }

  const listen = (/** @type {StoredFile} */ file) => { player.toggle(file); };
  const section = listSection(root, asked, {
    load: async (cursor) => {
      const { files, next } = await client.files({ place: 'trash', q: q || undefined, limit: PAGE, cursor });
      return { rows: files, next };
    },
    line, tools: drawTools, empty: () => (q ? say('admin.none_found', { q }) : say('trash.empty')), keys: { play: 'listen', reason: 'reason' },
    acts: {
      listen,
      pause: listen,
      async restore(file) {
        section.remove(file.id);
        const restored = await asked(() => client.restore(file.id), () => undefined);
        if (!restored) return section.again();
        trashing.away.delete(file.id);
        trashing.restored();
        return toast.say(say('trash.restored', { name: called(file) }), { words: say('rejected.show'), act: () => go({ section: 'files', filters: {}, file: file.id }) });
      },
      async reason(file) {
        const given = await askWhyTrashed(file, file.trash?.reason ?? '');
        const explained = given === null ? null : await asked(() => client.explain(file.id, given), () => undefined);
        if (explained) section.put(explained);
      },
      async purge(file) {
        if (await confirmed(say('trash.purge_heading', { name: called(file) }), say('trash.purge_what'), say('act.purge')) === null) return;
        const done = await asked(() => client.purge(file).then(() => true), () => undefined);
        if (!done) return;
        if (player.current() === file.id) player.close();
        section.remove(file.id);
        toast.say(say('trash.purged', { name: called(file) }));
      },
    },
  });
  const { show } = section;
  return {
    ...section,
    /** @param {import('../address.js').Address} address */
    show({ filters }) {
      q = filters.q ?? '';
      const input = root.querySelector('input');
      if (input && input.value.trim() !== q) input.value = q;
      show.call(section);
    },
    played: section.redraw,
    keys: { ...section.keys, search: () => root.querySelector('input')?.focus() },
  };
}
