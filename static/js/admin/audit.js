/**
 * The audit trail: search, and export as lines of JSON.
 *
 * @typedef {import('./people-client.js').AuditEntry} AuditEntry
 */
import { exactly, moment } from '../format.js';
import { html, only, ref } from '../html.js';
import { icon } from '../icons.js';
import { knows, language, say } from '../words.js';
import { listSection } from './list.js';

const TYPING_MS = 250;
const DONE = 'done';

/** @param {{id: string, name: string} | null} who @returns {string} */
export function actorName(who) {
  if (!who) return say('audit.service');
  return who.name || (knows(`audit.who.${who.id}`) ? say(`audit.who.${who.id}`) : say('audit.who.other', { id: who.id.slice(0, 16) }));
}

/** @param {Record<string, any>} details @returns {string} */
const detailWords = (details) => Object.entries(details).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value ?? '')])
  .filter(([, text]) => text).map((pair) => pair.join(': ')).join('; ');

/**
 * @param {HTMLElement} root
 * @param {import('./people-client.js').PeopleClient} client
 * @param {import('./files.js').Asked} asked
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
