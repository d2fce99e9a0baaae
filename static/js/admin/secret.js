/** Shows a secret once, after it was made: the address of a link, an invitation, or a token. */
import { copyText } from '../copy.js';
import { html, ref, setText } from '../html.js';
import { icon } from '../icons.js';
import { say } from '../words.js';
import { openDialog } from './dialog.js';

/**
 * @param {object} made
 * @param {string} made.heading
 * @param {string} made.lead who gets it, and until when it is of use
 * @param {string} made.secret
 * @param {string} [made.qr] markup of an SVG picture
 */
export function showSecret({ heading, lead, secret, qr }) {
  // As a picture, so that no markup of the response gets into the page.
  const picture = qr ? `data:image/svg+xml,${encodeURIComponent(qr)}` : '';
  const dialog = openDialog(html`<dialog class="edit secret" aria-labelledby="secret-heading"><form method="dialog">
    <h2 id="secret-heading">${heading}</h2>
    <p>${lead}</p>
    <p class="aside">${say('secret.once')}</p>
    <p class="copyable"><code data-ref="secret" tabindex="-1">${secret}</code>
      <button type="button" class="quiet first" data-ref="copy">${icon('tabs')}<span data-ref="copy-words" aria-live="polite">${say('secret.copy')}</span></button></p>
    ${picture ? html`<p class="qr"><img src="${picture}" alt="${say('secret.qr')}" width="200" height="200"></p>` : ''}
    <p class="buttons"><button type="submit" class="main">${say('secret.done')}</button></p>
  </form></dialog>`);
  const copy = ref(dialog, 'copy');
  copy.addEventListener('click', () => copyText(ref(dialog, 'secret')).then(() => setText(ref(dialog, 'copy-words'), say('secret.copied'))));
  copy.focus();
}
