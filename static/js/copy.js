/** Copies text to the clipboard. */

/** @param {HTMLElement} shown element with the text @returns {Promise<void>} when it is copied */
export async function copyText(shown) {
  try {
    await navigator.clipboard.writeText(shown.textContent ?? '');
  } catch {
    // Plain HTTP has no clipboard API, but a selection can be copied.
    getSelection()?.selectAllChildren(shown);
    document.execCommand('copy');
  }
}
