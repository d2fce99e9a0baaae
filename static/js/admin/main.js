/**
 * The admin page: sign-in, the sections that the caller may see, the panel beside them, the player below.
 */
import { ref, setText } from '../html.js';
import { signInForm } from '../people/sign-in-form.js';
import { takeInvitation } from '../place.js';
import { languageSwitch, learn, say } from '../words.js';
import { hashOf, readAddress } from './address.js';
import { auditSection } from './audit/audit.js';
import './audit/texts.js';
import { filesSection } from './files.js';
import { KEYS, makeKeys } from './keys.js';
import { makeLibraryClient } from './library-client.js';
import { flightSection } from './library/flight.js';
import { openHelp } from './library/help.js';
import { rejectedSection } from './library/rejected.js';
import { startSection } from './library/start.js';
import './library/texts.js';
import { makeToast } from './library/toast.js';
import { trashSection } from './library/trash.js';
import { makeTrashing } from './library/trashing.js';
import { linksSection } from './links.js';
import { makePeopleClient } from './people-client.js';
import { peopleSection } from './people.js';
import { makePanel } from './panel/panel.js';
import { makePlayer } from './player/player.js';
import { Selection } from './selection.js';
import { makeAsked, makeSession } from './session.js';
import { showsSection } from './shows.js';
import { tokensSection } from './tokens.js';

await learn((tag) => import(`./words.${tag}.js`));

/** The scope that each section needs; "" for everyone who is signed in. */
const NEEDED = {
  start: 'read', files: 'read', flight: 'read', rejected: 'read', trash: 'read', people: 'admin', links: 'links', shows: 'admin', tokens: '', audit: 'admin',
};
/** @typedef {keyof typeof NEEDED} SectionName */
/** @typedef {import('./address.js').Address} Address */

const base = new URL('.', document.baseURI).href;
const part = (/** @type {string} */ name) => ref(document, name);
const toast = makeToast(part('toast'));
const session = makeSession(base, renewed);
const client = makeLibraryClient(base, session.renewed);
const people = makePeopleClient(client);
const asked = makeAsked(part('trouble'), session, toast.complain);
const player = makePlayer(part('player'), client, asked);
const keys = makeKeys();
const selection = new Selection();
const trashing = makeTrashing(client, asked, toast);
/** @type {import('../client.js').Me} */
let me = /** @type {any} */ (null);
/** Where the reader is. @type {Address} */
let here = { section: '', filters: {}, file: '' };
/** The panel is opened to edit. */
let editing = false;
/** The file that the panel was asked to show; "" for none. */
let inPanel = '';
let arriving = 0;

/** @type {import('./files.js').Around} */
const around = {
  client, asked, player, selection, toast, trashing, go, openPanel,
  may: (scope) => me?.scopes.includes(scope) ?? false,
};
const sections = {
  start: startSection(part('section-start'), around, ({ in_flight: flying }) => { part('flight-count').textContent = flying ? String(flying) : ''; }),
  files: filesSection(part('files'), /** @type {HTMLInputElement} */ (part('search')), part('chips'), around),
  flight: flightSection(part('section-flight'), part('flight-count'), around),
  rejected: rejectedSection(part('section-rejected'), around),
  trash: trashSection(part('section-trash'), around),
  people: peopleSection(part('section-people'), people, asked),
  links: linksSection(part('section-links'), people, asked),
  shows: showsSection(part('section-shows'), people, asked),
  tokens: tokensSection(part('section-tokens'), people, asked, () => me),
  audit: auditSection(part('section-audit'), people, asked),
};
const panel = makePanel(part('panel'), client, asked, player, {
  next: () => turn(selection.next()),
  previous: () => turn(selection.previous()),
  put: sections.files.put,
  closed: () => leavePanel(),
  trash: trashing.trash,
  may: around.may,
});

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

/** @param {string} name @returns {name is SectionName} */
const mayOpen = (name) => Object.hasOwn(NEEDED, name)
  && (!NEEDED[/** @type {SectionName} */ (name)] || me.scopes.includes(NEEDED[/** @type {SectionName} */ (name)]));

/** @returns {Address} where the URL leads: its section, or the first one that the caller may see */
function wanted() {
  const address = readAddress(location.hash);
  return mayOpen(address.section) ? address : { section: Object.keys(NEEDED).find(mayOpen) ?? '', filters: {}, file: '' };
}

/** @param {Partial<Address>} to what is left out stays @param {boolean} [replace] the step is none that Back takes back */
function go(to, replace = false) {
  const hash = hashOf({ ...here, ...to });
  if (replace) history.replaceState(history.state, '', hash);
  else history.pushState({ opened: Boolean(to.file) && !here.file }, '', hash);
  arrive();
}

/** @param {string} id "" to close it @param {{edit?: boolean}} [options] */
function openPanel(id, { edit = false } = {}) {
  editing = edit;
  if (id) go({ section: here.section === 'trash' ? 'trash' : 'files', file: id }, here.file !== '');
  else if (history.state?.opened) history.back();
  else go({ file: '' }, true);
}

/** @param {string | null} id */
const turn = (id) => { if (id) openPanel(id); };

function leavePanel() {
  const { file } = here;
  openPanel('');
  sections.files.focusOn(file);
}

/** Goes where the URL leads, unless the reader keeps what is unsaved in the panel. */
async function arrive() {
  const to = wanted();
  const mine = arriving += 1;
  const before = selection.id;
  selection.select(to.file || null);
  if (to.file !== inPanel || editing) {
    const previous = inPanel;
    inPanel = to.file;
    const kept = to.file ? await panel.open(to.file, { edit: editing }) : await panel.close();
    // The reader has gone on meanwhile.
    if (mine !== arriving) return undefined;
    editing = false;
    if (!kept) {
      inPanel = previous;
      history.pushState(history.state, '', hashOf(here));
      return selection.select(before);
    }
  }
  here = to;
  return show();
}

function show() {
  for (const [name, section] of Object.entries(sections)) {
    part(`section-${name}`).hidden = name !== here.section;
    const link = /** @type {HTMLAnchorElement} */ (document.querySelector(`.tabs a[data-section="${name}"]`));
    link.hidden = !mayOpen(name);
    if (name === here.section) {
      // The tab of this section keeps its search and filters.
      link.href = hashOf({ ...here, file: '' });
      link.setAttribute('aria-current', 'page');
      section.show(here);
    } else {
      link.removeAttribute('aria-current');
      section.hide();
    }
  }
  centerTab();
}

/** Shows the tab of the section where the tabs are wider than the window; `scrollIntoView` would scroll the page too. */
function centerTab() {
  const [tabs, tab] = ['.tabs', '.tabs [aria-current]'].map((selector) => document.querySelector(selector));
  if (!tabs || !tab) return;
  const [frame, box] = [tabs, tab].map((element) => element.getBoundingClientRect());
  tabs.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
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
  if (mayOpen('start')) sections.start.count();
  await arrive();
}

/** The reader has signed in again, perhaps as somebody else. What is shown stays. */
async function renewed() {
  me = await client.me().catch(() => me);
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

/** @param {import('./keys.js').KeyName} name @returns {unknown} what the section that is shown does with the key; false for nothing */
function act(name) {
  const { keys: acts = {} } = /** @type {{keys?: Record<string, () => unknown>}} */ (sections[/** @type {SectionName} */ (here.section)] ?? {});
  return acts[name] ? acts[name]() : false;
}

for (const name of /** @type {import('./keys.js').KeyName[]} */ (Object.keys(KEYS))) keys.on(name, () => act(name));
keys.on('play', () => (act('play') === false ? player.toggleCurrent() : true));
keys.on('undo', toast.undo);
keys.on('reason', () => (act('reason') === false ? toast.more() : true));
keys.on('help', openHelp);
keys.on('close', () => (here.file ? openPanel('') : false));
keys.on('search', () => {
  if (here.section !== 'trash') go({ section: 'files', filters: here.section === 'files' ? here.filters : {}, file: here.file });
  sections[here.section === 'trash' ? 'trash' : 'files'].keys.search();
});
part('help').addEventListener('click', openHelp);
part('sign-out').addEventListener('click', async () => {
  if (!(await panel.close())) return;
  await client.signOut().catch(() => null);
  signedIn(false);
});
player.useKeys(keys);
new ResizeObserver(centerTab).observe(/** @type {Element} */ (document.querySelector('.tabs')));
player.watch('changed', () => {
  for (const section of Object.values(sections)) if ('played' in section) section.played();
});
addEventListener('popstate', () => (me?.signed_in && !/^#(token|invitation)=/.test(location.hash) ? arrive() : openLink()));
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
