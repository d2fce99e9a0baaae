/** A small box below the button that opened it: a menu, or what a chip offers. Escape and a click elsewhere close it. */
import { html, only } from '../../html.js';
import { icon } from '../../icons.js';

const GAP = 4;
const EDGE = 8;

/**
 * @param {HTMLElement} anchor
 * @param {DocumentFragment} content
 * @param {Record<string, string>} [attributes]
 * @returns {HTMLElement} the box; `hidePopover()` closes it, and the focus returns to the button
 */
export function openPopover(anchor, content, attributes = {}) {
  const box = only(html`<div popover class="pop"></div>`);
  for (const [name, value] of Object.entries(attributes)) box.setAttribute(name, value);
  box.append(content);
  document.body.append(box);
  box.addEventListener('toggle', (event) => {
    const open = /** @type {ToggleEvent} */ (event).newState === 'open';
    anchor.setAttribute('aria-expanded', String(open));
    if (!open) box.remove();
  });
  box.showPopover();
  place(box, anchor.getBoundingClientRect());
  const close = () => box.hidePopover();
  // It does not move with the page, so scrolling closes it; not one with a field, for which phones scroll.
  if (!box.querySelector('input')) addEventListener('scroll', close, { once: true, passive: true });
  box.addEventListener('toggle', () => removeEventListener('scroll', close));
  /** @type {HTMLElement | null} */ (box.querySelector('[autofocus], [aria-checked="true"]') ?? box.querySelector('button, input, a'))?.focus({ preventScroll: true });
  return box;
}

/** @param {HTMLElement} box @param {DOMRect} anchor */
function place(box, anchor) {
  const { width, height } = box.getBoundingClientRect();
  const below = anchor.bottom + GAP + height <= innerHeight - EDGE || anchor.top < height;
  const left = anchor.left + width <= innerWidth - EDGE ? anchor.left : anchor.right - width;
  box.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  box.style.top = `${Math.max(EDGE, below ? anchor.bottom + GAP : anchor.top - GAP - height)}px`;
}

/**
 * @typedef {object} Item of a menu
 * @property {string} value
 * @property {string} words
 * @property {Parameters<typeof icon>[0]} [drawn]
 * @property {string} [key] that does the same
 * @property {string} [href] of a download
 * @property {boolean} [checked] one of several; undefined for an action
 */

/**
 * @param {HTMLElement} anchor
 * @param {string} label
 * @param {Item[]} items
 * @param {(value: string) => void} chosen
 */
export function openMenu(anchor, label, items, chosen) {
  const box = openPopover(anchor, html`${items.map(({ value, words, drawn, key, href, checked }) => {
    const inside = html`${drawn ? icon(drawn) : ''}<span>${words}</span>${key ? html`<kbd aria-hidden="true">${key}</kbd>` : ''}`;
    if (href) return html`<a role="menuitem" tabindex="-1" data-value="${value}" href="${href}" download>${inside}</a>`;
    const role = checked === undefined ? 'menuitem' : 'menuitemradio';
    return html`<button type="button" role="${role}" tabindex="-1" data-value="${value}" ${checked === undefined ? '' : `aria-checked=${checked}`}>${inside}</button>`;
  })}`, { role: 'menu', 'aria-label': label });
  const parts = /** @type {HTMLElement[]} */ ([...box.querySelectorAll('[data-value]')]);
  box.addEventListener('keydown', (event) => {
    const at = parts.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Tab') box.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    parts.at(to % parts.length)?.focus();
  });
  box.addEventListener('click', (event) => {
    const part = /** @type {HTMLElement} */ (event.target).closest('[data-value]');
    if (!(part instanceof HTMLElement)) return;
    box.hidePopover();
    if (!part.hasAttribute('href')) chosen(part.dataset.value ?? '');
  });
}
