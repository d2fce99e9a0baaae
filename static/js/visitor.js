/**
 * Who visits the page: whether they may upload, and what goes with their uploads. What few need is loaded when it is
 * needed: the banner for signing in, the name of who has signed in, the page of a guest link.
 *
 * @typedef {{email?: string, title?: string, collection?: string}} Details of each upload
 */
import { secret, takeInvitation } from './place.js';

/** If the access of this browser ends later, the banner says that it "has ended". */
const HAD_ACCESS = 'media_service.had_access';
const AGAIN_MS = 5000;

/**
 * @param {(name: string) => HTMLElement} part of the page
 * @param {import('./client.js').Client} client
 * @param {(text: string) => void} announce
 * @param {{signedIn: () => void, changed: () => void}} page
 */
export function makeVisitor(part, client, announce, page) {
  /** the server requires a sign-in, until it responds with the list again */
  let shutOut = false;
  let invitation = takeInvitation();
  /** @type {ReturnType<typeof import('./people/guest-page.js').guestPage> | null} */
  let guest = null;
  /** @type {ReturnType<typeof import('./people/account.js').showAccount> | null} */
  let account = null;

  // A link that is opened where the page is already does not load it again.
  addEventListener('hashchange', () => {
    const another = takeInvitation();
    if (!another) return;
    invitation = another;
    part('sign-in').replaceChildren();
    page.changed();
  });

  function signedIn() {
    invitation = '';
    look().catch(() => undefined);
    page.signedIn();
  }

  /** @returns {Promise<void>} when it is known who this is */
  async function look() {
    if (secret) {
      guest ??= (await import('./people/guest-page.js')).guestPage(part, client, secret, page.changed);
      return guest.look();
    }
    const me = await client.me();
    if (!me.may_upload) shutOut = true;
    if (me.signed_in) account = (await import('./people/account.js')).showAccount(part, client, me, account);
    return page.changed();
  }

  return {
    get shutOut() { return shutOut && !secret; },
    /** whether the guest link has ended, which the page then says instead of "could not be looked up" */
    get isOver() { return guest?.isOver ?? false; },
    deny() {
      shutOut = true;
      guest?.look();
    },
    /** The server responded with the list. */
    allow() {
      if (!secret) localStorage.setItem(HAD_ACCESS, 'yes');
      shutOut = false;
    },
    /** Asks who this is until there is an answer. */
    async begin() {
      for (;;) {
        try {
          return await look();
        } catch {
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        }
      }
    },
    /** @param {boolean} needed */
    async draw(needed) {
      const place = part('sign-in');
      if (secret || !(needed || invitation)) return place.replaceChildren();
      const { openSignIn } = place.firstChild ? {} : await import('./people/sign-in.js').catch(() => ({}));
      return openSignIn?.(place, client, invitation, HAD_ACCESS in localStorage, announce, signedIn);
    },
    /** @returns {boolean} whether new uploads may be sent: a guest has typed what the link asks for */
    mayStart: () => !secret || (guest?.isReady() ?? false),
    /** Files were chosen. */
    chose: () => guest?.askMissing(),
    /** @returns {Details} */
    details: () => guest?.details() ?? account?.details() ?? {},
    /** An upload was created or has ended, which changes what is left of the link. */
    used: () => guest?.used(),
    /** Draws the texts that do not change by themselves when the language changes. */
    relabel: () => guest?.draw(),
  };
}
