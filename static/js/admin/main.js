/**
 * The admin page: sign-in, the sections that the caller may see, player.
 */
import { Refusal } from '../client.js';
import { ref, setText } from '../html.js';
import { signInForm } from '../people/sign-in-form.js';
import { takeInvitation } from '../place.js';
import { languageSwitch, learn, say } from '../words.js';
import { auditSection } from './audit.js';
import { filesSection } from './files.js';
import { makeKeys } from './keys.js';
import { makeLibraryClient } from './library-client.js';
import { linksSection } from './links.js';
import { makePeopleClient } from './people-client.js';
import { peopleSection } from './people.js';
import { makePanel } from './panel/panel.js';
import { makePlayer } from './player/player.js';
import { Selection } from './selection.js';
import { showsSection } from './shows.js';
import { tokensSection } from './tokens.js';
import { flightSection, rejectedSection } from './uploads.js';

await learn((tag) => import(`./words.${tag}.js`));

const TROUBLE_AGAIN_MS = 3000;
/** The scope that each section needs; "" for everyone who is signed in. */
const NEEDED = { files: 'read', flight: 'read', rejected: 'read', people: 'admin', links: 'links', shows: 'admin', tokens: '', audit: 'admin' };
/** @typedef {keyof typeof NEEDED} SectionName */

const part = (/** @type {string} */ name) => ref(document, name);
const client = makeLibraryClient(new URL('.', document.baseURI).href);
const people = makePeopleClient(client);
const player = makePlayer(part('player'), client, asked);
const keys = makeKeys();
const selection = new Selection();
/** @type {import('../client.js').Me} */
let me = /** @type {any} */ (null);

/**
 * Sends a request for a section, and shows the error if it fails.
 * @template T @param {() => Promise<T>} step @param {() => void} again called later, after a server error
 * @returns {Promise<T | null>}
 */
async function asked(step, again) {
  try {
    const answer = await step();
    part('trouble').hidden = true;
    return answer;
  } catch (error) {
    // The service's own 403 means that a role does not permit this; a proxy's, that it asks to sign in.
    if (error instanceof Refusal && (error.status === 401 || error.code === 'http_403')) {
      signedIn(false);
    } else {
      setText(part('trouble'), error instanceof Refusal ? error.message : say('admin.unreachable'));
      part('trouble').hidden = false;
      if (!(error instanceof Refusal)) setTimeout(again, TROUBLE_AGAIN_MS);
    }
    return null;
  }
}

const sections = {
  files: filesSection(part('files'), /** @type {HTMLInputElement} */ (part('search')), /** @type {HTMLSelectElement} */ (part('show-filter')), client, asked, player, openPanel),
  flight: flightSection(part('section-flight'), part('flight-count'), client, asked),
  rejected: rejectedSection(part('section-rejected'), client, asked),
  people: peopleSection(part('section-people'), people, asked),
  links: linksSection(part('section-links'), people, asked),
  shows: showsSection(part('section-shows'), people, asked),
  tokens: tokensSection(part('section-tokens'), people, asked, () => me),
  audit: auditSection(part('section-audit'), people, asked),
};

selection.follow(sections.files.ids);
const turn = (/** @type {string | null} */ id) => { if (id) openPanel(id); };
const panel = makePanel(part('panel'), client, asked, player, {
  next: () => turn(selection.next()),
  previous: () => turn(selection.previous()),
  put: sections.files.put,
  closed: () => /** @type {HTMLElement | null} */ (document.querySelector(`[data-id="${selection.id}"] button`))?.focus(),
  trash: () => undefined,
  may: (scope) => me?.scopes.includes(scope) ?? false,
});
player.useKeys(keys);

/** @param {string} id @param {{edit?: boolean}} [options] */
async function openPanel(id, options) {
  const before = selection.id;
  selection.select(id);
  if (!await panel.open(id, options)) selection.select(before);
}

/** @param {boolean} yes @param {string} [invitation] with which to sign in */
function signedIn(yes, invitation = '') {
  part('sign-in').hidden = yes;
  part('library').hidden = !yes;
  part('account').hidden = !yes;
  if (yes) return;
  player.close();
  for (const section of Object.values(sections)) section.hide();
  part('sign-in-form').replaceChildren(signInForm(client, invitation, begin));
  part('sign-in-form').querySelector('input')?.focus();
}

/** @param {string} name @returns {boolean} */
const mayOpen = (name) => Object.hasOwn(NEEDED, name)
  && (!NEEDED[/** @type {SectionName} */ (name)] || me.scopes.includes(NEEDED[/** @type {SectionName} */ (name)]));

/** @returns {string} the section in the URL, or the first one that the caller may see */
function shownSection() {
  const name = location.hash.slice(1);
  return mayOpen(name) ? name : Object.keys(NEEDED).find(mayOpen) ?? '';
}

function show() {
  const shown = shownSection();
  for (const [name, section] of Object.entries(sections)) {
    part(`section-${name}`).hidden = name !== shown;
    const link = /** @type {HTMLElement} */ (document.querySelector(`.tabs a[href="#${name}"]`));
    link.hidden = !mayOpen(name);
    if (name === shown) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    if (name === shown) {
      link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      section.show();
    } else section.hide();
  }
}

const drawName = () => setText(part('who'), me?.kind === 'admin_token' ? say('sign_in.token') : me?.name ?? '');

/** Asks who is signed in, and shows what they may see. */
async function begin() {
  const told = await asked(client.me, begin);
  if (!told) return;
  me = told;
  signedIn(me.signed_in);
  if (!me.signed_in) return;
  drawName();
  show();
}

/** The admin URL has the token in its fragment, which no server logs. It must not stay in the history either. */
async function openLink() {
  const invitation = takeInvitation();
  if (invitation) return signedIn(false, invitation);
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) {
    history.replaceState(null, '', location.pathname);
    // With a wrong one, `begin` shows the form.
    await client.signIn({ token: token.trim() }).catch(() => undefined);
  }
  return begin();
}

part('sign-out').addEventListener('click', async () => {
  if (!await panel.close()) return;
  await client.signOut().catch(() => null);
  signedIn(false);
});
addEventListener('hashchange', () => (me?.signed_in && !location.hash.includes('=') ? show() : openLink()));
languageSwitch(() => {
  document.title = say('admin.title');
  drawName();
  player.relabel();
  panel.draw();
  for (const section of Object.values(sections)) section.draw();
});
document.title = say('admin.title');
await openLink();
document.documentElement.classList.add('ready');
