/**
 * The admin page: sign-in, three sections, player.
 */
import { Refusal } from '../client.js';
import { ref, setText } from '../html.js';
import { languageSwitch, learn, say } from '../words.js';
import { filesSection } from './files.js';
import { makeLibraryClient } from './library-client.js';
import { makePlayer } from './player.js';
import { flightSection, rejectedSection } from './uploads.js';

await learn((tag) => import(`./words.${tag}.js`));

const TROUBLE_AGAIN_MS = 3000;
const part = (/** @type {string} */ name) => ref(document, name);
const client = makeLibraryClient(new URL('.', document.baseURI).href);
const player = makePlayer(part('player'), client);

/**
 * Sends a request for a section, and shows the error if it fails.
 * @template T @param {() => Promise<T>} step @param {() => void} again called later, after a server error
 * @returns {Promise<T | null>}
 */
async function asked(step, again) {
  try {
    const answer = await step();
    part('trouble').hidden = true;
    signedIn(true);
    return answer;
  } catch (error) {
    if (error instanceof Refusal && [401, 403].includes(error.status)) {
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
  files: filesSection(part('files'), /** @type {HTMLInputElement} */ (part('search')), client, asked, player),
  flight: flightSection(part('section-flight'), part('flight-count'), client, asked),
  rejected: rejectedSection(part('section-rejected'), client, asked),
};

/** @param {boolean} yes */
function signedIn(yes) {
  part('sign-in').hidden = yes;
  part('library').hidden = !yes;
  part('sign-out').hidden = !yes;
  if (!yes) {
    player.close();
    part('token').focus();
  }
}

/** @returns {keyof typeof sections} */
function shownSection() {
  const name = location.hash.slice(1);
  return name in sections ? /** @type {keyof typeof sections} */ (name) : 'files';
}

function show() {
  const shown = shownSection();
  for (const [name, section] of Object.entries(sections)) {
    part(`section-${name}`).hidden = name !== shown;
    const link = document.querySelector(`.tabs a[href="#${name}"]`);
    if (name === shown) link?.setAttribute('aria-current', 'page');
    else link?.removeAttribute('aria-current');
    if (name === shown) section.show();
    else section.hide();
  }
}

/** The admin URL has the token in its fragment, which no server logs. It must not stay in the history either. */
async function openLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return show();
  history.replaceState(null, '', location.pathname);
  return signIn(token);
}

/** @param {string} token */
async function signIn(token) {
  const field = /** @type {HTMLInputElement} */ (part('token'));
  try {
    await client.signIn(token.trim());
    field.value = '';
    setText(part('token-wrong'), '');
    show();
  } catch (error) {
    setText(part('token-wrong'), say(error instanceof Refusal ? 'admin.token_wrong' : 'admin.unreachable'));
    signedIn(false);
    field.select();
  }
}

const form = /** @type {HTMLFormElement} */ (part('sign-in-form'));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  signIn(/** @type {HTMLInputElement} */ (part('token')).value);
});
part('sign-out').addEventListener('click', async () => {
  await client.signOut().catch(() => null);
  for (const section of Object.values(sections)) section.hide();
  signedIn(false);
});
addEventListener('hashchange', openLink);
languageSwitch(() => {
  document.title = say('admin.title');
  player.relabel();
  for (const section of Object.values(sections)) section.draw();
});
document.title = say('admin.title');
await openLink();
document.documentElement.classList.add('ready');
