/**
 * The panel beside the list: one file with all that is known of it, to listen to and to edit. What is not saved is
 * protected: nothing takes it away before the reader was asked.
 *
 * @typedef {import('../selection.js').Panel} Panel
 * @typedef {import('../selection.js').Around} Around
 */
import { Refusal } from '../../client.js';
import { html, ref } from '../../html.js';
import { icon } from '../../icons.js';
import { learn, say } from '../../words.js';
import { Draft } from './draft.js';
import { refusalWords, tried } from './saving.js';
import { askUnsaved, guardClosing } from './unsaved.js';
import { makeView } from './view.js';

await learn((tag) => import(`./words.${tag}.js`));

const AGAIN_MS = 3000;
/** Elements that the panel covers on a small screen. */
const BEHIND = '.top, .tabs, .sections, .library > section';
const narrow = matchMedia('(max-width: 60rem)');
/** A response within this time is shown without "Loading" before it. */
const LOADING_AFTER_MS = 200;
/** Pictures of the steps through the list. */
const DRAWN = { previous: 'M5 12.5l5-5 5 5', next: 'M5 7.5l5 5 5-5' };

/** @param {string} name @param {Node} picture */
const button = (name, picture) => html`<button type="button" class="quiet" data-ref="panel-${name}" aria-label="${say(`panel.${name}`)}"
  title="${say(`panel.${name}`)}">${picture}</button>`;

/** @param {keyof typeof DRAWN} name */
const arrow = (name) => button(name, html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="${DRAWN[name]}"/></svg>`);

/**
 * @param {HTMLElement} root
 * @param {import('../library-client.js').LibraryClient} client
 * @param {import('../files.js').Asked} asked
 * @param {import('../player/player.js').Player} player
 * @param {Around} around
 * @returns {Panel}
 */
export function makePanel(root, client, asked, player, around) {
  /** @type {import('./view.js').View | null} */
  let view = null;
  /** The file that is shown, or is on its way. @type {string | null} */
  let wanted = null;
  /** @type {Promise<boolean> | null} */
  let asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** Titles of shows, by slug. @type {Map<string, string> | null} */
  let shows = null;

  const part = (/** @type {string} */ name) => ref(root, name);
  const isDirty = () => view?.draft.isDirty ?? false;

  function drawFrame() {
    root.setAttribute('aria-label', say('panel.label'));
    root.replaceChildren(html`<p class="panel-top">${arrow('previous')}${arrow('next')}
      <a class="quiet" data-ref="panel-download" download aria-label="${say('col.download')}" title="${say('col.download')}">${icon('down')}</a>
      ${button('trash', icon('trash'))}${button('close', icon('cross'))}</p>
      <div class="panel-body" data-ref="panel-body"></div>`);
    const acts = { previous: around.previous, next: around.next, trash: discardIntoTrash, close: leave };
    for (const [name, act] of Object.entries(acts)) part(`panel-${name}`).addEventListener('click', () => act());
  }

  /** On a small screen nothing behind the panel can be reached. */
  function coverPage() {
    for (const one of document.querySelectorAll(BEHIND)) {
      if (!one.contains(root)) one.toggleAttribute('inert', !root.hidden && narrow.matches);
    }
  }

  /** @param {boolean} shown */
  function showRoot(shown) {
    root.hidden = !shown;
    document.body.classList.toggle('panel-open', shown);
    coverPage();
  }

  /** @returns {Promise<boolean>} whether the file may be left */
  function mayLeave() {
    const shown = view;
    if (!shown?.draft.isDirty) return Promise.resolve(true);
    asking ??= askUnsaved(shown.draft.file.title || shown.draft.file.filename).then(async (answer) => {
      asking = null;
      if (answer === 'save') return shown.save();
      if (answer === 'discard') shown.draft.settle(shown.draft.file);
      return answer === 'discard';
    });
    return asking;
  }

  async function leave() {
    if (await panel.close()) around.closed();
  }

  function discardIntoTrash() {
    if (!view) return;
    view.draft.settle(view.draft.file);
    around.trash(view.draft.file);
  }

  /** @param {string} id @returns {boolean} whether this file is still to be shown */
  const isWanted = (id) => wanted === id;

  /** @param {string} id @param {{edit?: boolean}} options @param {boolean} focus */
  async function load(id, options, focus) {
    clearTimeout(timer);
    timer = setTimeout(() => isWanted(id) && tell(say('admin.loading')), LOADING_AFTER_MS);
    try {
      const file = await tried(asked, () => client.file(id));
      shows ??= new Map((await client.shows().catch(() => [])).map(({ slug, title }) => [slug, title]));
      clearTimeout(timer);
      if (!isWanted(id)) return;
      if (!file) return;
      // It may have been taken away since it was listed.
      around.put(file);
      show(new Draft(file), options, focus);
    } catch (error) {
      clearTimeout(timer);
      if (!isWanted(id)) return;
      if (error instanceof Refusal) return tell(refusalWords(error));
      tell(say('admin.unreachable'));
      timer = setTimeout(() => isWanted(id) && load(id, options, focus), AGAIN_MS);
    }
  }

  /** Says something in place of the file. @param {string} words */
  function tell(words) {
    end();
    part('panel-body').replaceChildren(html`<p class="empty" role="status">${words}</p>`);
  }

  function end() {
    view?.end();
    view = null;
  }

  /** @param {Draft} draft @param {{edit?: boolean}} options @param {boolean} focus */
  function show(draft, { edit = false }, focus) {
    end();
    view = makeView(draft, { client, asked, player, may: around.may, put: around.put, showOf: (slug) => shows?.get(slug) ?? slug });
    const { file } = draft;
    const { place = 'spool' } = file;
    /** @type {HTMLAnchorElement} */ (part('panel-download')).href = client.content(file.id);
    part('panel-download').hidden = place === 'taken' || place === 'purged';
    part('panel-trash').hidden = !around.may('edit') || place !== 'spool';
    part('panel-body').replaceChildren(view.element);
    if (edit) view.edit();
    else if (focus) view.focus();
  }

  root.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.preventDefault();
    leave();
  });
  guardClosing(isDirty);
  narrow.addEventListener('change', coverPage);
  drawFrame();

  /** @type {Panel} */
  const panel = {
    isDirty,
    async open(id, options = {}) {
      if (wanted === id) {
        if (options.edit) view?.edit();
        return true;
      }
      if (!await mayLeave()) return false;
      // A reader who moves through the list by keyboard keeps the focus there.
      const focus = wanted === null || part('panel-body').contains(document.activeElement);
      wanted = id;
      showRoot(true);
      load(id, options, focus);
      return true;
    },
    async close() {
      if (wanted === null) return true;
      if (!await mayLeave()) return false;
      clearTimeout(timer);
      end();
      wanted = null;
      showRoot(false);
      part('panel-body').replaceChildren();
      return true;
    },
    draw() {
      const draft = view?.draft;
      drawFrame();
      if (draft) show(draft, {}, false);
    },
  };
  return panel;
}
