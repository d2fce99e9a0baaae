/** What was done with a file, and by whom; from the audit trail, so for admins. Asked for when it is opened. */
import { exactly, moment } from '../../format.js';
import { html, only, ref } from '../../html.js';
import { knows, language, say } from '../../words.js';
import { actorName } from '../audit/audit.js';
import { fieldName } from './conflict.js';

/** The reader has opened it, also for the next files. */
let isOpen = false;

/** @param {import('../people-client.js').AuditEntry} entry @returns {string} what was changed */
function changes({ details }) {
  const fields = [...details.tags ?? [], ...'chapters' in details ? ['chapters'] : []];
  return fields.map(fieldName).join(', ') || (typeof details.reason === 'string' ? details.reason : '');
}

/** @param {import('../people-client.js').AuditEntry} entry */
function line(entry) {
  const action = knows(`audit.${entry.action}`) ? say(`audit.${entry.action}`) : entry.action;
  const bad = entry.outcome !== 'done';
  const what = [bad ? say('audit.outcome', { code: entry.outcome }) : '', changes(entry)].filter(Boolean).join(' · ');
  return html`<li><p>${action}${what ? html`<span class="beneath"> ${what}</span>` : ''}</p>
    <p class="beneath">${actorName(entry.actor)} · <time datetime="${entry.at}" title="${exactly(entry.at, language())}">${moment(entry.at, language())}</time></p></li>`;
}

/**
 * @param {import('./draft.js').FullFile} file
 * @param {() => Promise<import('../people-client.js').AuditEntry[] | null>} load null without an answer
 */
export function makeHistory(file, load) {
  const element = only(html`<details class="part history" ${isOpen ? 'open' : ''}><summary>${say('history.heading')}</summary><ol data-ref="history"></ol></details>`);
  const list = ref(element, 'history');
  const arrived = html`<li><p>${say('history.arrived')}</p><p class="beneath">${[file.sender, file.link?.title].filter(Boolean).join(' · ')}
    <time datetime="${file.uploaded_at}" title="${exactly(file.uploaded_at, language())}">${moment(file.uploaded_at, language())}</time></p></li>`;

  async function show() {
    isOpen = /** @type {HTMLDetailsElement} */ (element).open;
    if (!isOpen || list.hasChildNodes()) return;
    list.replaceChildren(html`<li class="beneath">${say('admin.loading')}</li>`);
    const entries = await load();
    list.replaceChildren(html`${entries?.map(line) ?? ''}${arrived}`);
  }
  element.addEventListener('toggle', show);
  return element;
}
