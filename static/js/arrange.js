/** Orders the rows, and moves only those in the wrong place. */
import { setText } from './html.js';

/**
 * @param {HTMLElement} list of the visible rows
 * @param {HTMLDetailsElement} fold of the folded rows
 * @param {HTMLElement} inner list within it
 * @param {HTMLElement} summary
 */
export function arranger(list, fold, inner, summary) {
  let standing = '';

  /** @param {HTMLElement} place @param {HTMLElement[]} elements */
  function put(place, elements) {
    let next = place.firstElementChild;
    for (const element of elements) {
      if (element === next) next = next.nextElementSibling;
      else place.insertBefore(element, next);
    }
  }

  /**
   * @param {{shown: string[], folded: string[]}} order keys
   * @param {(key: string) => HTMLElement} row
   * @param {string} words of the fold's summary
   */
  return ({ shown, folded }, row, words) => {
    setText(summary, words);
    const wanted = `${shown.join()}|${folded.join()}`;
    if (wanted === standing) return;
    standing = wanted;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    put(inner, folded.map(row));
    put(list, shown.map(row));
    fold.hidden = folded.length === 0;
    // An element loses the focus when it is moved.
    if (focused === document.activeElement || !focused?.isConnected) return;
    (inner.contains(focused) && !fold.open ? summary : focused).focus();
  };
}
