/** Who has signed in, beside the languages; and for which show the next files are, if there are several. */
import { html, only, ref } from '../html.js';
import { say } from '../words.js';
import './texts.js';

const CHOSEN = 'media_service.show';

/**
 * @typedef {{slug: string, title: string}} Show
 * @param {import('../client.js').Client} client
 * @param {import('../client.js').Me} me
 * @returns {Promise<Show[]>} those that may be used
 */
const showsOf = async (client, { collections }) => collections ?? (await client.shows()).filter(({ archived_at: archived }) => !archived);

/**
 * @param {(name: string) => HTMLElement} part of the page
 * @param {import('../client.js').Client} client
 * @param {import('../client.js').Me} me
 * @param {{remove: () => void} | null} before what was shown of somebody else
 */
export function showAccount(part, client, me, before) {
  before?.remove();
  const line = only(html`<p class="account"><span>${me.name}</span>
    ${me.scopes.some((scope) => scope !== 'upload') ? html`<a href="admin" data-words="account.library">${say('account.library')}</a>` : ''}
    <button type="button" class="quiet" data-ref="sign-out" data-words="account.sign_out">${say('account.sign_out')}</button></p>`);
  ref(line, 'sign-out').addEventListener('click', async () => {
    await client.signOut().catch(() => undefined);
    // The rows are those of the person who has signed out.
    location.reload();
  });
  document.querySelector('.top .languages')?.before(line);
  const sender = /** @type {HTMLInputElement} */ (part('sender'));
  sender.value ||= me.name ?? '';
  /** @type {HTMLElement | null} */
  let field = null;
  /** @type {HTMLSelectElement | null} */
  let choice = null;

  /** @param {Show[]} shows */
  function choose(shows) {
    if (shows.length === 0) return;
    const chosen = localStorage.getItem(CHOSEN) ?? (me.collections ? shows[0].slug : '');
    field = only(html`<label class="field show-choice"><span data-words="shows.choose">${say('shows.choose')}</span>
      <select data-ref="show"><option value="" data-words="shows.none">${say('shows.none')}</option>
        ${shows.map(({ slug, title }) => html`<option value="${slug}" ${slug === chosen ? 'selected' : ''}>${title}</option>`)}</select></label>`);
    const select = choice = /** @type {HTMLSelectElement} */ (ref(field, 'show'));
    select.addEventListener('change', () => localStorage.setItem(CHOSEN, select.value));
    document.querySelector('.offer')?.append(field);
  }
  showsOf(client, me).then(choose, () => undefined);

  return {
    details: () => (choice?.value ? { collection: choice.value } : {}),
    remove() {
      line.remove();
      field?.remove();
    },
  };
}
