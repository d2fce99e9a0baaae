/**
 * Texts that the server reads in another encoding than the file declares, offered by one click.
 *
 * @typedef {import('./draft.js').FullFile} FullFile
 */
import { html, only, ref } from '../../html.js';
import { icon } from '../../icons.js';
import { knows, say } from '../../words.js';
import { tagOf } from './draft.js';

/** Text that may have been decoded as Latin-1 by mistake. Other text was typed by an editor since. */
const GARBLED = /^(?=.*[\u0080-\u00ff])[\u0000-\u00ff]*$/s;

/** @param {FullFile} file @returns {Record<string, string>} by tag */
export const suggestionsFor = (file) => Object.fromEntries(Object.entries(file.suggested_tags ?? {})
  .filter(([name, text]) => text !== tagOf(file, name) && GARBLED.test(tagOf(file, name))));

/**
 * @param {FullFile} file
 * @param {(tags: Record<string, string>) => void} use
 * @returns {HTMLElement | null}
 */
export function makeSuggestions(file, use) {
  const suggested = suggestionsFor(file);
  if (Object.keys(suggested).length === 0) return null;
  const encoding = `encoding.${(file.audio?.text_encoding ?? '').replace(/\W/g, '_')}`;
  const words = say(knows(encoding) ? encoding : 'encoding.other');
  const element = only(html`<section class="part suggested" aria-labelledby="suggested-heading"><h3 id="suggested-heading">${icon('tag')}<span>${say('suggest.heading', { language: words })}</span></h3>
    <dl>${Object.entries(suggested).map(([name, text]) => html`<dt>${say(`tag.${name}`)}</dt><dd><del>${tagOf(file, name)}</del> <ins>${text}</ins></dd>`)}</dl>
    <p><button type="button" class="main" data-ref="use">${say('suggest.use')}</button></p></section>`);
  ref(element, 'use').addEventListener('click', () => use(suggested));
  return element;
}
