/**
 * One file in the panel: what is known of it, its player, its tags, chapters and cover.
 *
 * @typedef {import('./draft.js').FullFile} FullFile
 *
 * @typedef {object} Tools
 * @property {import('../library-client.js').LibraryClient} client
 * @property {import('../files.js').Asked} asked
 * @property {import('../player/player.js').Player} player
 * @property {(scope: string) => boolean} may what the reader may do
 * @property {(file: FullFile) => void} put shows a changed file in the list
 * @property {(slug: string) => string} showOf the title of a show
 */
import { html, only, ref, setText } from '../../html.js';
import { say } from '../../words.js';
import { makeChaptersForm } from './chapters-form.js';
import { fieldName } from './conflict.js';
import { makeCover } from './cover.js';
import { CHAPTERS, Draft, tagOf } from './draft.js';
import { makeFacts, verdictLine } from './facts.js';
import { makeHistory } from './file-history.js';
import { makeRemarks } from './remarks.js';
import { changeNow, Conflict, saveDraft, tried, wrongOf } from './saving.js';
import { makeSuggestions } from './suggestions.js';
import { makeTagsForm } from './tags-form.js';
import { makeWaveform } from './waveform.js';

/** How long the panel says what was done, with a button that takes it back. */
const GOOD_MS = 10_000;

/** @param {FullFile} file @returns {boolean} its bytes can be heard */
const isAudible = ({ place = 'spool' }) => place === 'spool' || place === 'trash';

/** @param {Draft} draft @param {Tools} tools */
export function makeView(draft, { client, asked, player, may, put, showOf }) {
  const first = draft.file;
  const mayEdit = may('edit') && (first.place ?? 'spool') === 'spool';
  const element = /** @type {HTMLFormElement} */ (only(html`<form class="panel-view" novalidate>
    <div class="panel-scroll">
      <div class="panel-head"><div data-ref="cover-slot"></div><div class="panel-title"><h2 tabindex="-1" data-ref="panel-title"></h2>
        <p class="beneath" data-ref="panel-beneath"></p><div data-ref="verdict-slot"></div></div></div>
      <div data-ref="wave-slot"></div><div data-ref="remarks-slot"></div><div data-ref="suggested-slot"></div>
      <div data-ref="tags-slot"></div><div data-ref="chapters-slot"></div><div data-ref="facts-slot"></div><div data-ref="history-slot"></div>
    </div>
    <div class="panel-foot" data-ref="foot"><p class="word" role="status" data-ref="word"></p>
      <p class="buttons"><button type="submit" class="main" data-ref="save">${say('edit.save')}</button>
        <button type="button" class="quiet" data-ref="discard">${say('unsaved.discard')}</button>
        <button type="button" class="quiet first" data-ref="undo" hidden>${say('panel.undo')}</button></p></div>
  </form>`));
  const part = (/** @type {string} */ name) => ref(element, name);
  const slot = (/** @type {string} */ name, /** @type {HTMLElement | null} */ content) => part(`${name}-slot`).replaceChildren(content ?? '');

  const playAt = (/** @type {number} */ seconds) => player.start(draft.file, seconds);
  const position = {
    play: playAt,
    at: () => (player.current() === draft.file.id ? player.at() : 0),
    watch: (/** @type {() => void} */ act) => {
      const ends = [player.watch('time', act), player.watch('changed', act)];
      return () => ends.forEach((end) => end());
    },
  };
  const wave = isAudible(first) ? makeWaveform(first, player) : null;
  const tags = makeTagsForm(draft, mayEdit, drawFoot);
  const chapters = makeChaptersForm(draft, mayEdit, position, drawFoot);
  const cover = makeCover(first, mayEdit, ({ id, cover_url: has, spooled_sha256 }) => (has ? client.coverUrl(id, spooled_sha256) : null), (picture) => changed(
    (file) => (picture ? client.setCover(file, picture) : client.removeCover(file)), say(picture ? 'cover.saved' : 'cover.removed')));
  /** Takes back the last change that was made at once. @type {(() => void) | null} */
  let undo = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {string} words @param {'' | 'good' | 'bad'} [kind] @param {(() => void) | null} [back] takes the change back */
  function tell(words, kind = '', back = null) {
    undo = back;
    setText(part('word'), words);
    part('word').dataset.kind = kind;
    drawFoot();
    clearTimeout(timer);
    if (kind === 'good') timer = setTimeout(() => tell(''), GOOD_MS);
  }

  function drawFoot() {
    const dirty = draft.isDirty;
    if (dirty && part('word').dataset.kind === 'good') setText(part('word'), '');
    const words = part('word').textContent !== '';
    // It is never hidden: a status that appears together with its text is not read aloud.
    part('foot').classList.toggle('idle', !dirty && !words && draft.conflicts.size === 0);
    for (const name of ['save', 'discard']) part(name).hidden = !dirty && draft.conflicts.size === 0;
    part('undo').hidden = !undo || dirty;
  }

  /** Shows the file as it is now. */
  function draw() {
    const { file } = draft;
    setText(part('panel-title'), file.title || file.filename);
    setText(part('panel-beneath'), [file.artist, file.album].filter(Boolean).join(' · '));
    slot('verdict', verdictLine(file));
    slot('remarks', makeRemarks(file, wave && playAt));
    slot('suggested', mayEdit ? makeSuggestions(file, useSuggested) : null);
    slot('facts', makeFacts(file, showOf));
    slot('history', may('admin') ? makeHistory(file, () => tried(asked, () => client.history(file.id)).catch(() => null)) : null);
    tags.draw();
    chapters.draw();
    drawFoot();
  }

  /** @param {FullFile} file a newer version */
  function adopt(file) {
    draft.rebase(file);
    wave?.show(file);
    cover.show(file);
    put(file);
    draw();
  }

  /** @param {(file: FullFile) => Promise<FullFile>} step @param {string} words @param {(() => void) | null} [back] */
  async function changed(step, words, back = null) {
    try {
      const file = await changeNow(draft, client, asked, step);
      if (!file) return;
      adopt(file);
      tell(words, 'good', back);
    } catch (error) {
      tell(wrongOf(error).words, 'bad');
    }
  }

  /** @param {Record<string, string>} suggested */
  function useSuggested(suggested) {
    const before = Object.fromEntries(Object.keys(suggested).map((name) => [name, tagOf(draft.file, name)]));
    changed((file) => client.edit(file, { tags: suggested }), say('suggest.used'), () => changed((file) => client.edit(file, { tags: before }), say('suggest.undone')));
    part('panel-title').focus();
  }

  /** @param {unknown} error */
  function explain(error) {
    if (error instanceof Conflict) {
      draw();
      tell(say('conflict.word', { count: draft.conflicts.size }), 'bad');
      /** @type {HTMLElement | null} */ (element.querySelector('.conflict input'))?.focus();
      return;
    }
    const { name, row = -1, part: of = '', words } = wrongOf(error);
    if (name === CHAPTERS && row >= 0) chapters.complain(row, of, words);
    else if (!tags.complain(name, words)) return tell(words, 'bad');
    tell(say('panel.not_saved'), 'bad');
  }

  /** @returns {Promise<boolean>} whether it is saved */
  async function save() {
    const button = /** @type {HTMLButtonElement} */ (part('save'));
    button.disabled = true;
    tell(say('panel.saving'));
    try {
      chapters.sort();
      const saved = await saveDraft(draft, client, asked);
      if (!saved) throw new Error('no sign-in');
      const inFoot = part('foot').contains(document.activeElement);
      draft.settle(saved.file);
      adopt(saved.file);
      tell(saved.adopted.length ? say('panel.saved_with', { fields: saved.adopted.map(fieldName).join(', ') }) : say('panel.saved'), 'good');
      if (inFoot) part('panel-title').focus();
      return true;
    } catch (error) {
      explain(error);
      return false;
    } finally {
      button.disabled = false;
    }
  }

  element.addEventListener('submit', (event) => {
    event.preventDefault();
    if (draft.isDirty || draft.conflicts.size > 0) save();
  });
  element.addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 's' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    element.requestSubmit();
  });
  part('discard').addEventListener('click', () => {
    draft.settle(draft.file);
    tell('');
    draw();
    part('panel-title').focus();
  });
  part('undo').addEventListener('click', () => undo?.());
  part('cover-slot').append(cover.element);
  slot('wave', wave?.element ?? null);
  slot('tags', tags.element);
  slot('chapters', chapters.element);
  draw();
  return {
    element, draft, save, draw,
    edit: () => tags.focus(),
    focus: () => part('panel-title').focus({ preventScroll: true }),
    end() {
      clearTimeout(timer);
      wave?.end();
      chapters.end();
    },
  };
}

/** @typedef {ReturnType<typeof makeView>} View */
