/**
 * Makes one element look like another without replacing what both have: a button that is pressed at this moment, the
 * focus, and the selection stay.
 *
 * @param {Element} shown
 * @param {Element} wanted is used up
 */
export function patch(shown, wanted) {
  for (const { name } of [...shown.attributes]) if (!wanted.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  const [before, after] = [[...shown.childNodes], [...wanted.childNodes]];
  if (before.length !== after.length) return shown.replaceChildren(...after);
  return before.forEach((node, k) => patchNode(node, after[k]));
}

/** @param {ChildNode} shown @param {ChildNode} wanted */
function patchNode(shown, wanted) {
  if (shown.nodeName !== wanted.nodeName) shown.replaceWith(wanted);
  else if (shown instanceof Element && wanted instanceof Element) patch(shown, wanted);
  else if (shown.nodeValue !== wanted.nodeValue) shown.nodeValue = wanted.nodeValue;
}
