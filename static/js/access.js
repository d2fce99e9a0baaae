/** Whether this browser may upload: if not, a banner asks to sign in. */

/** If the access of this browser ends later, the banner says that it "has ended". */
const HAD_ACCESS = 'media_service.had_access';

/**
 * @param {HTMLElement} place of the banner
 * @param {import('./client.js').Client} client
 * @param {(text: string) => void} announce
 * @param {() => void} signedIn
 */
export function accessBanner(place, client, announce, signedIn) {
  /** the server requires a sign-in, until it responds with the list again */
  let shutOut = false;
  return {
    get shutOut() { return shutOut; },
    deny: () => { shutOut = true; },
    /** The server responded with the list. */
    allow() {
      localStorage.setItem(HAD_ACCESS, 'yes');
      shutOut = false;
    },
    /** @param {boolean} needed */
    async draw(needed) {
      if (!needed) return place.replaceChildren();
      const { openSignIn } = place.firstChild ? {} : await import('./sign-in.js').catch(() => ({}));
      return openSignIn?.(place, client, HAD_ACCESS in localStorage, announce, signedIn);
    },
  };
}
