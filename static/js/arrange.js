/** Puts rows into the order in which they are read, and moves only those that stand wrong. */
import { setText } from './html.js';

/**
 * @param {HTMLElement} list of the rows that are seen
 * @param {HTMLDetailsElement} fold of those that are folded
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
   * @param {string} words for the fold
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
    // An element that is moved loses the focus.
    if (focused === document.activeElement || !focused?.isConnected) return;
    (inner.contains(focused) && !fold.open ? summary : focused).focus();
  };
}
