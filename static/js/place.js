/**
 * Where the page is: the service's root, and the secret of the guest link in the URL. Only the server knows whether this
 * is such a link's page, `/u/SECRET`: it says so in an element, which has the way to the root.
 */
const link = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="media-service-link"]'));

/** Absolute URL of the service, with a slash at its end. */
export const base = new URL(link?.content ?? '.', document.baseURI).href;

/** Secret of the guest link; "" on the upload page. */
export const secret = link ? location.pathname.split('/').pop() ?? '' : '';

/** @returns {string} the secret of a one-time link, with which one signs in; it is removed from the URL. "" without one */
export function takeInvitation() {
  const [, invitation = ''] = location.hash.match(/^#invitation=([\w-]+)$/) ?? [];
  // It must not stay in the history.
  if (invitation) history.replaceState(null, '', location.pathname + location.search);
  return invitation;
}
