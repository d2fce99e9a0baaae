/**
 * Shows, which the API calls collections: make, change, archive.
 *
 * @typedef {import('./people-client.js').Show} Show
 */
import { language, say } from '../words.js';
import { moment } from '../format.js';
import { icon } from '../icons.js';
import { confirmed } from './dialog.js';
import { openForm } from './form.js';
import { listSection, toolButton } from './list.js';
import { bytesUsed, filesUsed, share } from './usage.js';

const TAGS = ['artist', 'album', 'genre'];

/** @param {string} title @returns {string} a short name from it; "" if it has no Latin letters */
export const slugOf = (title) => title.normalize('NFD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);

/** @param {Show | null} show null for a new one @returns {import('./form.js').Field[]} */
function fields(show) {
  return [
    { name: 'title', label: say('shows.title'), value: show?.title, required: true },
    ...show ? [] : [{ name: 'slug', label: say('shows.slug'), hint: say('shows.slug_hint') }],
    { name: 'bytes_max', label: say('limit.bytes'), kind: 'size', value: show?.bytes_max, hint: say('limit.none') },
    ...TAGS.map((tag) => /** @type {import('./form.js').Field} */ ({ name: tag, label: say('shows.default', { tag: say(`tag.${tag}`) }), value: show?.default_tags[tag], hint: say('shows.default_hint'), more: true })),
  ];
}

/** @param {Record<string, any>} values of the form @param {Show | null} show @returns {object} the request */
function body(values, show) {
  const { title, slug, bytes_max } = values;
  const typed = Object.fromEntries(TAGS.map((tag) => [tag, values[tag]]).filter(([, value]) => value));
  const others = Object.entries(show?.default_tags ?? {}).filter(([tag]) => !TAGS.includes(tag));
  return {
    title,
    default_tags: { ...Object.fromEntries(others), ...typed },
    ...(show || bytes_max !== null ? { bytes_max } : {}),
    ...(show ? {} : { slug: slug || slugOf(title) }),
  };
}

/**
 * @param {HTMLElement} root
 * @param {import('./people-client.js').PeopleClient} client
 * @param {import('./files.js').Asked} asked
 */
export function showsSection(root, client, asked) {
  const section = listSection(root, asked, {
    load: (cursor) => client.page('collections', { cursor }),
    empty: () => say('shows.empty'),
    tools: (tools) => {
      tools.replaceChildren();
      toolButton(tools, say('shows.add'), () => edit(null));
    },
    line: (/** @type {Show} */ show) => ({
      state: show.archived_at ? 'cancelled' : 'ready-quiet',
      sign: icon('tag'),
      title: show.title,
      facts: [show.slug, show.archived_at ? say('shows.archived', { time: moment(show.archived_at, language()) }) : ''],
      numbers: [bytesUsed(show.usage, show.bytes_max), filesUsed(show.usage, null)],
      share: share(show.usage, { bytes: show.bytes_max }),
      actions: [['edit', 'pen'], ['cover', 'file'], ...show.has_cover ? /** @type {any} */ ([['uncover', 'cross']]) : [], show.archived_at ? ['unarchive', 'back'] : ['archive', 'down']],
    }),
    acts: {
      edit: (show) => edit(show),
      cover: (show) => chooseCover(show),
      uncover: async (show) => {
        await asked(() => client.removeCover(show.slug), () => undefined);
        section.again();
      },
      archive: async (show) => {
        if (await confirmed(say('shows.archive_heading', { title: show.title }), say('shows.archive_what'), say('act.archive')) !== null) set(show, true);
      },
      unarchive: (show) => { set(show, false); },
    },
  });

  /** @param {Show} show @param {boolean} archived */
  async function set(show, archived) {
    const changed = await asked(() => client.change('collections', show.slug, { archived }), () => undefined);
    if (changed) section.put(changed);
  }

  /** @param {Show} show */
  function chooseCover(show) {
    const input = document.createElement('input');
    Object.assign(input, { type: 'file', accept: 'image/jpeg,image/png,image/webp,image/gif' });
    input.addEventListener('change', async () => {
      const [picture] = input.files ?? [];
      const changed = picture && await asked(() => client.cover(show.slug, picture), () => undefined);
      if (changed) section.put(changed);
    });
    input.click();
  }

  /** @param {Show | null} show */
  function edit(show) {
    openForm({
      heading: say(show ? 'shows.edit' : 'shows.add'),
      fields: fields(show),
      action: say(show ? 'edit.save' : 'shows.create'),
      culprits: { name_taken: 'slug', default_tags: TAGS[0] },
      save: (values) => (show ? client.change('collections', show.slug, body(values, show)) : client.add('collections', body(values, null))),
      done: (saved) => section.put(saved),
    });
  }
  return section;
}
