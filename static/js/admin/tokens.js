/**
 * API tokens, and the browsers in which one is signed in.
 *
 * @typedef {import('./people-client.js').ApiToken} ApiToken
 * @typedef {import('./people-client.js').Session} Session
 */
import { moment } from '../format.js';
import { html, ref } from '../html.js';
import { icon } from '../icons.js';
import { language, say } from '../words.js';
import { confirmed } from './dialog.js';
import { openForm } from './form.js';
import { listSection, toolButton } from './list.js';
import { showSecret } from './secret.js';

const DAY_SECONDS = 86_400;
const LIFETIMES = [7, 30, 90, 365];
const DEFAULT_DAYS = '90';
const SCOPES = ['upload', 'read', 'edit', 'links', 'events', 'metrics', 'admin'];

const BROWSERS = /** @type {[RegExp, string][]} */ ([[/Edg/, 'Edge'], [/OPR\//, 'Opera'], [/Firefox/, 'Firefox'], [/Chrome|CriOS/, 'Chrome'], [/Safari/, 'Safari']]);
const SYSTEMS = /** @type {[RegExp, string][]} */ ([[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS/, 'macOS'], [/Linux/, 'Linux']]);

/** @param {string} agent the header User-Agent @returns {string} such as `Firefox · Windows`; the header itself if unknown */
function browserName(agent) {
  const named = [BROWSERS, SYSTEMS].map((list) => list.find(([form]) => form.test(agent))?.[1] ?? '').filter(Boolean);
  return named.length === 2 ? named.join(' · ') : agent || say('session.unknown');
}

/**
 * @param {HTMLElement} root
 * @param {import('./people-client.js').PeopleClient} client
 * @param {import('./files.js').Asked} asked
 * @param {() => import('../client.js').Me} me
 */
export function tokensSection(root, client, asked, me) {
  root.replaceChildren(html`<div data-ref="tokens"></div><h2 class="further-heading" data-ref="sessions-heading"></h2><div data-ref="sessions"></div>`);
  const isAdmin = () => me().scopes.includes('admin');
  const tokens = listSection(ref(root, 'tokens'), asked, {
    load: (cursor) => client.page('tokens', { cursor, owner: isAdmin() ? 'all' : undefined }),
    empty: () => say('token.empty'),
    tools: (tools) => {
      tools.replaceChildren();
      toolButton(tools, say('token.add'), add);
    },
    line: (/** @type {ApiToken} */ token) => {
      const over = token.revoked_at ? 'revoked' : token.expires_at && Date.parse(token.expires_at) < Date.now() ? 'expired' : '';
      const time = (/** @type {string} */ at) => moment(at, language());
      return {
        state: over ? 'cancelled' : 'ready-quiet',
        sign: icon('key'),
        title: token.name,
        facts: [over ? say(`token.${over}`) : token.expires_at ? say('token.until', { time: time(token.expires_at) }) : say('token.no_end'),
          token.scopes.map((scope) => say(`scope.${scope}`)).join(', '), token.collection ?? '', isAdmin() ? token.owner.name : ''],
        numbers: [token.used_at ? say('token.used', { time: time(token.used_at) }) : say('token.unused')],
        actions: over ? [] : [['revoke', 'cross']],
      };
    },
    acts: {
      revoke: async (token) => {
        if (await confirmed(say('token.revoke_heading', { name: token.name }), say('token.revoke_what'), say('act.revoke')) === null) return;
        await asked(() => client.revoke(token.id), () => undefined);
        tokens.again();
      },
    },
  });

  const sessions = listSection(ref(root, 'sessions'), asked, {
    load: (cursor) => client.page('sessions', { cursor }),
    empty: () => say('session.empty'),
    line: (/** @type {Session} */ session) => ({
      state: 'ready-quiet',
      sign: icon('tabs'),
      title: browserName(session.agent),
      facts: [session.current ? say('session.current') : '', say('session.since', { time: moment(session.created_at, language()) }), session.address ?? ''],
      actions: session.current ? [] : [['end', 'cross']],
    }),
    acts: {
      end: async (session) => {
        await asked(() => client.endSession(session.id), () => undefined);
        sessions.again();
      },
    },
  });

  async function add() {
    const shows = await asked(client.shows, () => undefined);
    // An admin makes tokens for everybody, and the admin token is no person.
    const people = isAdmin() ? await asked(() => client.page('people', { limit: '200' }), () => undefined) : { rows: [] };
    if (!shows || !people) return;
    const { id } = me();
    const scopes = SCOPES.filter((scope) => me().scopes.includes(scope));
    const owners = people.rows.map((person) => /** @type {[string, string]} */ ([person.id, person.name]));
    openForm({
      heading: say('token.add'),
      fields: [
        { name: 'name', label: say('token.name'), required: true, hint: say('token.name_hint') },
        ...owners.length ? [/** @type {import('./form.js').Field} */ ({ name: 'owner', label: say('token.owner'), kind: 'choice', value: id ?? '', options: owners })] : [],
        { name: 'scopes', label: say('token.scopes'), kind: 'several', required: true, value: ['upload'], options: scopes.map((scope) => [scope, say(`scope.${scope}`)]) },
        { name: 'days', label: say('token.lifetime'), kind: 'choice', value: DEFAULT_DAYS, options: [...LIFETIMES.map((days) => /** @type {[string, string]} */ ([String(days), say('token.days', { count: days })])), ['', say('token.no_end')]] },
        ...shows.length ? [/** @type {import('./form.js').Field} */ ({ name: 'collection', label: say('token.show'), kind: 'choice', value: '', options: [['', say('token.every_show')], ...shows.map(({ slug, title }) => [slug, title])] })] : [],
      ],
      action: say('token.create'),
      culprits: { insufficient_scope: 'scopes', unknown_collection: 'collection', expires_in: 'days' },
      save: ({ name, scopes: wanted, days, collection, owner }) => client.add('tokens', {
        name, scopes: wanted, expires_in: days ? Number(days) * DAY_SECONDS : null, ...(collection ? { collection } : {}), ...(owner ? { owner } : {}),
      }),
      done: (made) => {
        tokens.again();
        showSecret({ heading: say('token.made', { name: made.name }), lead: say('token.made_lead'), secret: made.token });
      },
    });
  }

  return {
    show() {
      tokens.show();
      sessions.show();
      this.draw();
    },
    hide() {
      tokens.hide();
      sessions.hide();
    },
    draw() {
      ref(root, 'sessions-heading').textContent = say('session.heading');
      tokens.draw();
      sessions.draw();
    },
  };
}
