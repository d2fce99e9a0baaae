/**
 * The audit trail: search, and export as lines of JSON.
 *
 * @typedef {import('../people-client.js').AuditEntry} AuditEntry
 */
import { bytes, exactly, moment } from '../../format.js';
import { html, only, ref } from '../../html.js';
import { icon } from '../../icons.js';
import { knows, language, say } from '../../words.js';
import { listSection } from '../list.js';

const TYPING_MS = 250;
const DONE = 'done';

/** @param {{id: string, name: string} | null} who @returns {string} */
export function actorName(who) {
  if (!who) return say('audit.service');
  return who.name || (knows(`audit.who.${who.id}`) ? say(`audit.who.${who.id}`) : say('audit.who.other', { id: who.id.slice(0, 16) }));
}

/** Where the words of values are that have some. @type {Record<string, string>} */
const VALUES = { changed: 'audit.detail', role: 'person.short', scopes: 'scope', files: 'audit.files' };

/** @param {string} name of the detail @param {unknown} value @returns {string} */
function valueWords(name, value) {
  if (typeof value === 'boolean') return say(value ? 'audit.yes' : 'audit.no');
  if (name === 'bytes') return bytes(Number(value), language());
  const words = `${VALUES[name]}.${value}`;
  return knows(words) ? say(words) : String(value ?? '');
}

/** @param {Record<string, unknown>} details @returns {string} */
function detailWords(details) {
  const pairs = Object.entries(details).map(([name, value]) => {
    const words = `audit.detail.${name}`;
    return [knows(words) ? say(words) : name, [value].flat().map((one) => valueWords(name, one)).join(', ')];
  });
  return pairs.filter(([, text]) => text).map((pair) => pair.join(': ')).join('; ');
}

/**
 * @param {HTMLElement} root
 * @param {import('../people-client.js').PeopleClient} client
 * @param {import('../files.js').Asked} asked
 */
export function auditSection(root, client, asked) {
  let search = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  const query = () => ({ q: search.trim() || undefined });

  /** @param {HTMLElement} tools */
  function drawTools(tools) {
    tools.replaceChildren(only(html`<p class="finder">${icon('lens')}<input type="search" data-ref="search" value="${search}" aria-label="${say('audit.search')}"
      placeholder="${say('audit.search')}" autocomplete="off" spellcheck="false"></p>`),
    only(html`<a class="quiet" data-ref="export" href="${client.auditExport(query())}" download>${icon('down')}<span>${say('audit.export')}</span></a>`));
    const input = /** @type {HTMLInputElement} */ (ref(tools, 'search'));
    input.addEventListener('input', () => {
      search = input.value;
      /** @type {HTMLAnchorElement} */ (ref(tools, 'export')).href = client.auditExport(query());
      clearTimeout(typing);
      typing = setTimeout(section.again, TYPING_MS);
    });
  }

  const section = listSection(root, asked, {
    load: (cursor) => client.page('audit', { ...query(), cursor }),
    empty: () => say(search.trim() ? 'admin.none_found' : 'audit.empty', { q: search.trim() }),
    tools: drawTools,
    line: (/** @type {AuditEntry} */ entry) => {
      const action = knows(`audit.${entry.action}`) ? say(`audit.${entry.action}`) : entry.action;
      const bad = entry.outcome !== DONE;
      const time = html`<time datetime="${entry.at}" title="${exactly(entry.at, language())}">${moment(entry.at, language())}</time>`;
      return {
        state: bad || entry.action === 'sign_in_failed' ? 'rejected' : 'plain',
        sign: icon(bad || entry.action === 'sign_in_failed' ? 'stop' : 'check'),
        title: entry.subject?.name ? say('audit.about', { action, name: entry.subject.name }) : action,
        facts: [actorName(entry.actor), entry.address ?? '', bad ? say('audit.outcome', { code: entry.outcome }) : '', detailWords(entry.details)],
        numbers: [time],
      };
    },
  });
  return section;
}
