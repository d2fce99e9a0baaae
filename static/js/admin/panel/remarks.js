/**
 * What is odd about a file, with its places; a click plays from there.
 *
 * @typedef {import('./draft.js').FullFile} FullFile
 */
import { finding } from '../../describe.js';
import { clock } from '../../format.js';
import { html, only } from '../../html.js';
import { icon } from '../../icons.js';
import { knows, say } from '../../words.js';

const MOST_PLACES = 12;
/** Playing begins a little before the place, so that it can be heard. */
const BEFORE_S = 2;

/** @param {FullFile} file @returns {import('../../client.js').Finding[]} those to look at */
export const remarksOf = ({ findings }) => findings.filter(({ severity, code }) => severity !== 'info' && knows(`finding.${code}`));

/**
 * @param {FullFile} file
 * @param {((seconds: number) => void) | null} play null if it cannot be heard
 * @returns {HTMLElement | null}
 */
export function makeRemarks(file, play) {
  const found = remarksOf(file);
  if (found.length === 0) return null;
  const codes = [...new Set(found.map(({ code }) => code))];
  const element = only(html`<section class="part remarks" aria-labelledby="remarks-heading"><h3 id="remarks-heading">${icon('warn')}<span>${say('remark.heading')}</span></h3>
    <ul>${codes.map((code) => {
      const same = found.filter((one) => one.code === code);
      const places = same.filter(({ start_seconds: start }) => typeof start === 'number').slice(0, MOST_PLACES);
      return html`<li><p>${finding(same[0], same)}</p>
        ${play && places.length ? html`<p class="places">${places.map(({ start_seconds: start }) => html`<button type="button" class="quiet" data-at="${start}"
          aria-label="${say('remark.play', { at: clock(start ?? 0) })}">${icon('play')}<span>${clock(start ?? 0)}</span></button>`)}</p>` : ''}</li>`;
    })}</ul></section>`);
  element.addEventListener('click', ({ target }) => {
    const at = /** @type {HTMLElement} */ (target).closest('button')?.dataset.at;
    if (at !== undefined) play?.(Math.max(0, Number(at) - BEFORE_S));
  });
  return element;
}
