/**
 * Guest links: make, change, renew their address, close.
 *
 * @typedef {import('./people-client.js').GuestLink} GuestLink
 * @typedef {import('./form.js').Field} Field
 */
import { moment } from '../format.js';
import { icon } from '../icons.js';
import { language, say } from '../words.js';
import { confirmed } from './dialog.js';
import { openForm } from './form.js';
import { listSection, toolButton } from './list.js';
import { showSecret } from './secret.js';
import { bytesUsed, filesUsed, share } from './usage.js';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const ASKED = ['name', 'email', 'title'];
const ASKS = ['no', 'optional', 'required'];
const SIGNS = /** @type {const} */ ({ open: 'link', early: 'clock', expired: 'dash', closed: 'dash' });

/** @param {GuestLink | null} link null for a new one @param {import('./people-client.js').Show[]} shows @returns {Field[]} */
function fields(link, shows) {
  const end = link ? link.expires_at : new Date(Date.now() + DEFAULT_DAYS * DAY_MS).toISOString();
  const asks = /** @type {Record<string, string>} */ (link?.asks ?? { name: 'optional', email: 'no', title: 'no' });
  return [
    { name: 'title', label: say('link.title'), value: link?.title, required: true, hint: say('link.title_hint') },
    { name: 'note', label: say('link.note'), kind: 'long', value: link?.note, hint: say('link.note_hint') },
    { name: 'expires_at', label: say('link.expires'), kind: 'moment', value: end, hint: say('link.expires_hint') },
    ...shows.length ? [/** @type {Field} */ ({ name: 'collection', label: say('link.show'), kind: 'choice', value: link?.collection ?? '', options: [['', say('shows.none')], ...shows.map(({ slug, title }) => [slug, title])] })] : [],
    { name: 'files_max', label: say('limit.files'), kind: 'number', value: link?.files_max, hint: say('limit.link') },
    { name: 'bytes_max', label: say('limit.bytes'), kind: 'size', value: link?.bytes_max, hint: say('limit.link') },
    ...ASKED.map((name) => /** @type {Field} */ ({ name: `ask_${name}`, label: say(`link.ask.${name}`), kind: 'choice', value: asks[name], options: ASKS.map((ask) => [ask, say(`link.ask.${ask}`)]), more: true })),
    { name: 'file_bytes_max', label: say('limit.file_bytes'), kind: 'size', value: link?.file_bytes_max, hint: say('limit.none'), more: true },
    { name: 'opens_at', label: say('link.opens'), kind: 'moment', value: link?.opens_at, hint: say('link.opens_hint'), more: true },
    { name: 'passphrase', label: say(link?.has_passphrase ? 'link.new_passphrase' : 'link.passphrase'), kind: 'password', hint: say(link ? 'person.keep_hint' : 'link.passphrase_hint'), more: true },
    { name: 'reference', label: say('link.reference'), value: link?.reference, hint: say('link.reference_hint'), more: true },
    { name: 'allowed_origins', label: say('link.origins'), kind: 'long', value: (link?.allowed_origins ?? []).join('\n'), hint: say('link.origins_hint'), more: true },
  ];
}

/** @param {Record<string, any>} values of the form @param {GuestLink | null} link null for a new one, which has defaults for what is left empty @returns {object} the request */
function body(values, link) {
  const fresh = link === null;
  const { title, note, collection, expires_at: end, files_max, bytes_max, file_bytes_max, opens_at, passphrase, reference } = values;
  const limits = Object.entries({ files_max, bytes_max, file_bytes_max, opens_at }).filter(([, value]) => !fresh || value !== null);
  return {
    title, note,
    ...Object.fromEntries(limits),
    // Counted from now: one that is over must not begin again because its title was changed.
    ...(link && link.expires_at === end ? {} : { expires_in: end === null ? null : Math.max(1, Math.round((Date.parse(end) - Date.now()) / 1000)) }),
    asks: Object.fromEntries(ASKED.map((name) => [name, values[`ask_${name}`]])),
    ...(collection === undefined || (fresh && !collection) ? {} : { collection: collection || null }),
    ...(passphrase ? { passphrase } : {}),
    reference: reference || null,
    allowed_origins: values.allowed_origins.split(/\s+/).filter(Boolean),
  };
}

/**
 * @param {HTMLElement} root
 * @param {import('./people-client.js').PeopleClient} client
 * @param {import('./files.js').Asked} asked
 */
export function linksSection(root, client, asked) {
  /** @param {GuestLink} link @returns {string} */
  function deadline({ state, opens_at: opens, expires_at: end }) {
    if (state === 'early') return say('link.early', { time: moment(opens ?? '', language()) });
    if (state === 'closed' || state === 'expired') return say(`link.${state}`);
    return end ? say('link.until', { time: moment(end, language()) }) : say('link.no_deadline');
  }

  const section = listSection(root, asked, {
    load: (cursor) => client.page('links', { cursor }),
    empty: () => say('link.empty'),
    tools: (tools) => {
      tools.replaceChildren();
      toolButton(tools, say('link.add'), () => edit(null));
    },
    line: (/** @type {GuestLink} */ link) => ({
      state: link.state === 'open' ? 'ready-quiet' : link.state === 'early' ? 'queued' : 'cancelled',
      sign: icon(SIGNS[link.state]),
      title: link.title,
      facts: [deadline(link), link.collection ?? '', link.created_by?.name ?? ''],
      numbers: [bytesUsed(link.usage, link.bytes_max), filesUsed(link.usage, link.files_max)],
      share: share(link.usage, { files: link.files_max, bytes: link.bytes_max }),
      actions: [['edit', 'pen'], ...link.state === 'closed' ? /** @type {any} */ ([]) : [['renew', 'again']], [link.state === 'closed' ? 'reopen' : 'close', link.state === 'closed' ? 'back' : 'cross']],
    }),
    acts: {
      edit: (link) => { edit(link); },
      renew: async (link) => {
        if (await confirmed(say('link.renew_heading', { title: link.title }), say('link.renew_what'), say('act.renew')) === null) return;
        const made = await asked(() => client.renew(link.id), () => undefined);
        if (made) showAddress(made);
      },
      close: async (link) => {
        if (await confirmed(say('link.close_heading', { title: link.title }), say('link.close_what'), say('act.close')) !== null) set(link, { closed: true });
      },
      reopen: (link) => { set(link, { closed: false }); },
    },
  });

  /** @param {GuestLink} link @param {object} change */
  async function set(link, change) {
    const changed = await asked(() => client.change('links', link.id, change), () => undefined);
    if (changed) section.put(changed);
  }

  /** @param {GuestLink} link that was made */
  function showAddress({ title, url = '', qr_svg: qr }) {
    showSecret({ heading: say('link.made', { title }), lead: say('link.made_lead'), secret: url, qr });
  }

  /** @param {GuestLink | null} link */
  async function edit(link) {
    const shows = await asked(client.shows, () => undefined);
    if (!shows) return;
    openForm({
      heading: say(link ? 'link.edit' : 'link.add'),
      fields: fields(link, shows),
      action: say(link ? 'edit.save' : 'link.create'),
      culprits: { unknown_collection: 'collection', expires_in: 'expires_at', asks: 'ask_name' },
      save: (values) => (link ? client.change('links', link.id, body(values, link)) : client.add('links', body(values, null))),
      done: (saved) => {
        section.put(saved);
        if (saved.url) showAddress(saved);
      },
    });
  }
  return section;
}
