/**
 * The only way to create markup from values: strings are escaped, nodes inserted, lists joined, null and false omitted.
 * Values may be in text and in quoted attributes.
 *
 * @typedef {string | number | Node | null | undefined | false} Value
 */

/** @type {Record<string, string>} */
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** @param {unknown} value @returns {string} */
const escape = (value) => String(value).replace(/[&<>"']/g, (sign) => ESCAPES[sign]);

/**
 * @param {TemplateStringsArray} strings
 * @param {...(Value | Value[])} values
 * @returns {DocumentFragment}
 */
export function html(strings, ...values) {
  /** @type {Node[]} */
  const nodes = [];
  // Template elements as placeholders: the parser does not move them out of tables and lists.
  /** @param {Value | Value[]} value @returns {string} */
  const place = (value) => {
    if (value === null || value === undefined || value === false) return '';
    if (Array.isArray(value)) return value.map(place).join('');
    if (value instanceof Node) return `<template data-slot="${nodes.push(value) - 1}"></template>`;
    return escape(value);
  };
  const template = document.createElement('template');
  template.innerHTML = strings.reduce((text, string, k) => text + place(values[k - 1]) + string);
  for (const slot of template.content.querySelectorAll('template[data-slot]')) {
    slot.replaceWith(nodes[Number(/** @type {HTMLElement} */ (slot).dataset.slot)]);
  }
  return template.content;
}

/**
 * @param {DocumentFragment} fragment with one root element
 * @returns {HTMLElement}
 */
export const only = (fragment) => /** @type {HTMLElement} */ (fragment.firstElementChild);

/**
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement} the element with `data-ref="name"`
 */
export function ref(root, name) {
  const found = root.querySelector(`[data-ref="${name}"]`);
  if (!found) throw new Error(`no element ${name}`);
  return /** @type {HTMLElement} */ (found);
}

/**
 * Sets the text only if it changed, because screen readers would read it again.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
