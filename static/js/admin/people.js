/**
 * People: add, invite, change, disable, erase.
 *
 * @typedef {import('./people-client.js').Person} Person
 * @typedef {import('./form.js').Field} Field
 */
import { moment } from '../format.js';
import { language, say } from '../words.js';
import { confirmed } from './dialog.js';
import { openForm } from './form.js';
import { listSection, toolButton } from './list.js';
import { showSecret } from './secret.js';
import { bytesUsed, filesUsed, share } from './usage.js';

const ROLES = ['sender', 'editor', 'admin'];

/** @param {Person | null} person null for a new one @param {import('./people-client.js').Show[]} shows @returns {Field[]} */
function fields(person, shows) {
  const limits = person?.limits ?? { files: null, bytes: null, file_bytes: null };
  const all = person ? person.collections === 'all' : true;
  return [
    { name: 'name', label: say('person.name'), value: person?.name, required: true, hint: say('person.name_hint') },
    { name: 'role', label: say('person.role'), kind: 'choice', value: person?.role ?? 'sender', options: ROLES.map((role) => [role, say(`person.role.${role}`)]) },
    { name: 'password', label: say(person?.has_password ? 'person.new_password' : 'person.password'), kind: 'password', hint: say(person ? 'person.keep_hint' : 'person.password_hint') },
    ...shows.length ? /** @type {Field[]} */ ([
      { name: 'all', label: say('person.shows'), kind: 'choice', value: all ? 'all' : 'some', options: [['all', say('person.all_shows')], ['some', say('person.some_shows')]] },
      { name: 'collections', label: say('person.which_shows'), kind: 'several', value: all ? [] : person?.collections, options: shows.map(({ slug, title }) => [slug, title]) },
    ]) : [],
    { name: 'bytes', label: say('limit.bytes'), kind: 'size', value: limits.bytes, hint: say('limit.none'), more: true },
    { name: 'files', label: say('limit.files'), kind: 'number', value: limits.files, hint: say('limit.none'), more: true },
    { name: 'file_bytes', label: say('limit.file_bytes'), kind: 'size', value: limits.file_bytes, hint: say('limit.none'), more: true },
  ];
}

/** @param {Record<string, any>} values of the form @returns {object} the request */
function body({ name, role, password, all, collections, files, bytes, file_bytes }) {
  return {
    name, role,
    ...(password ? { password } : {}),
    ...(all ? { collections: all === 'all' ? 'all' : collections } : {}),
    limits: { files, bytes, file_bytes },
  };
}

/**
 * @param {HTMLElement} root
 * @param {import('./people-client.js').PeopleClient} client
 * @param {import('./files.js').Asked} asked
 */
export function peopleSection(root, client, asked) {
  const section = listSection(root, asked, {
    load: (cursor) => client.page('people', { cursor }),
    empty: () => say('person.empty'),
    tools: (tools) => {
      tools.replaceChildren();
      toolButton(tools, say('person.add'), () => edit(null));
    },
    line: (/** @type {Person} */ person) => ({
      state: person.disabled_at ? 'cancelled' : 'ready-quiet',
      sign: Array.from(person.name)[0] ?? '',
      title: person.name,
      facts: [say(`person.short.${person.role}`), person.disabled_at ? say('person.disabled') : person.seen_at ? say('person.seen', { time: moment(person.seen_at, language()) }) : say('person.never_seen')],
      numbers: [bytesUsed(person.usage, person.limits.bytes), filesUsed(person.usage, person.limits.files)],
      share: share(person.usage, person.limits),
      actions: [['edit', 'pen'], ...person.disabled_at ? /** @type {any} */ ([]) : [['invite', 'link']], [person.disabled_at ? 'enable' : 'disable', person.disabled_at ? 'back' : 'pause'], ['erase', 'cross']],
    }),
    acts: {
      edit: (person) => { edit(person); },
      invite: async (person) => {
        const made = await asked(() => client.invite(person.id), () => undefined);
        if (made) showInvitation(person, made.url);
      },
      disable: async (person) => {
        if (await confirmed(say('person.disable_heading', { name: person.name }), say('person.disable_what'), say('act.disable')) !== null) set(person, { disabled: true });
      },
      enable: (person) => { set(person, { disabled: false }); },
      erase: async (person) => {
        const files = await confirmed(say('person.erase_heading', { name: person.name }), say('person.erase_what'), say('act.erase'), [['keep', say('person.erase_keep')], ['delete', say('person.erase_delete')]]);
        if (files === null) return;
        await asked(() => client.erase(person.id, files), () => undefined);
        section.again();
      },
    },
  });

  /** @param {Person} person @param {object} change */
  async function set(person, change) {
    const changed = await asked(() => client.change('people', person.id, change), () => undefined);
    if (changed) section.put(changed);
  }

  /** @param {Person} person @param {string} url */
  function showInvitation(person, url) {
    showSecret({ heading: say('person.invitation_heading', { name: person.name }), lead: say('person.invitation_lead'), secret: url });
  }

  /** @param {Person | null} person */
  async function edit(person) {
    const shows = await asked(client.shows, () => undefined);
    if (!shows) return;
    openForm({
      heading: say(person ? 'person.edit' : 'person.add'),
      fields: fields(person, shows),
      action: say(person ? 'edit.save' : 'person.create'),
      culprits: { name_taken: 'name' },
      extra: person?.seen_at ? { words: say('person.sign_out'), act: () => client.signOutEverywhere(person.id) } : undefined,
      save: (values) => (person ? client.change('people', person.id, body(values)) : client.add('people', body(values))),
      done: (saved) => {
        section.put(saved);
        if (saved.invitation_url) showInvitation(saved, saved.invitation_url);
      },
    });
  }
  return section;
}
