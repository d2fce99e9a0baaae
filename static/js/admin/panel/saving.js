/**
 * Saves a draft: what it changes, if somebody else was faster, and which field is to blame for a refusal.
 *
 * @typedef {import('./draft.js').Draft} Draft
 * @typedef {import('./draft.js').FullFile} FullFile
 *
 * @typedef {object} Wrong
 * @property {string} name of a tag, `chapters`, or "" if no field is to blame
 * @property {number} [row] of the chapters
 * @property {string} [part] of the chapter
 * @property {string} words
 *
 * @typedef {{file: FullFile, adopted: string[]}} Saved `adopted`: what somebody else has changed meanwhile
 */
import { Refusal, Trouble } from '../../client.js';
import { reason } from '../../describe.js';
import { knows, say } from '../../words.js';
import { failureWords } from '../form.js';
import { CHAPTERS } from './draft.js';
import { seconds } from './times.js';

/** The file cannot be saved as it is. */
export class NotSaved extends Error {
  /** @param {Wrong} wrong */
  constructor(wrong) {
    super(wrong.words);
    this.wrong = wrong;
  }
}

/** Somebody else has changed the same fields. */
export class Conflict extends Error {}

/** @param {unknown} error @returns {boolean} the sign-in has ended */
const isSignedOut = (error) => error instanceof Refusal && (error.status === 401 || error.code === 'http_403');

/** @param {unknown} error @returns {boolean} somebody else has changed the file */
const isOutdated = (error) => error instanceof Refusal && error.code === 'file_changed';

/** @param {Refusal} refusal @returns {string} */
export function refusalWords(refusal) {
  if (knows(`admin.why.${refusal.code}`)) return failureWords(refusal);
  // These texts begin with a small letter, because the upload page puts them into a sentence.
  const text = reason(refusal.problem);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {unknown} error @returns {Wrong} */
export function wrongOf(error) {
  if (error instanceof NotSaved) return error.wrong;
  if (error instanceof Trouble) return { name: '', words: say(knows(`trouble.${error.code}`) ? `trouble.${error.code}` : 'trouble.unreachable') };
  if (!(error instanceof Refusal)) throw error;
  const [kind, name = '', part = ''] = (error.problem.field ?? '').split('.');
  if (error.code !== 'malformed') return { name: '', words: refusalWords(error) };
  if (kind === 'tags') return { name, words: say(knows(`tag.bad.${name}`) ? `tag.bad.${name}` : 'tag.bad') };
  if (kind === CHAPTERS && part) return { name: CHAPTERS, row: Number(name), part, words: say(`chapter.bad.${part}`) };
  return { name: '', words: say('form.unreadable') };
}

/** @param {Draft} draft @returns {import('./draft.js').Chapter[]} for the request; throws NotSaved */
function chaptersOf({ chapters }) {
  return chapters.map(({ start, title, url }, row) => {
    const at = seconds(start);
    if (at === null) throw new NotSaved({ name: CHAPTERS, row, part: 'start', words: say('chapter.bad.start_text') });
    if (!title.trim()) throw new NotSaved({ name: CHAPTERS, row, part: 'title', words: say('chapter.bad.title') });
    return { start: at, title: title.trim(), url: url.trim() || null };
  });
}

/**
 * @template T
 * @param {import('../files.js').Asked} asked
 * @param {() => Promise<T>} step
 * @returns {Promise<T | null>} null if the reader did not sign in again; throws every other error
 */
export async function tried(asked, step) {
  const found = await asked(() => step().then((value) => ({ value, error: null }), (error) => {
    if (isSignedOut(error)) throw error;
    return { value: null, error };
  }), () => undefined);
  if (found?.error) throw found.error;
  return /** @type {T | null} */ (found?.value ?? null);
}

/**
 * @param {Draft} draft
 * @param {import('../library-client.js').LibraryClient} client
 * @param {import('../files.js').Asked} asked
 * @returns {Promise<Saved | null>} null without a sign-in; throws Conflict, and what `wrongOf` explains
 */
export async function saveDraft(draft, client, asked) {
  /** @type {string[]} */
  const adopted = [];
  while (draft.isDirty) {
    const tags = draft.changedTags;
    const change = { ...(Object.keys(tags).length ? { tags } : {}), ...(draft.hasChapterEdits ? { chapters: chaptersOf(draft) } : {}) };
    try {
      const file = await tried(asked, () => client.edit(draft.file, change));
      return file && { file, adopted };
    } catch (error) {
      if (!isOutdated(error)) throw error;
    }
    const newer = await tried(asked, () => client.file(draft.file.id));
    if (!newer) return null;
    adopted.push(...draft.rebase(newer));
    if (draft.conflicts.size > 0) throw new Conflict();
  }
  // Somebody else has made the very same change.
  return { file: draft.file, adopted };
}

/**
 * Makes a change that is not in the draft, such as another cover. If somebody else was faster, it is made in their version.
 *
 * @param {Draft} draft
 * @param {import('../library-client.js').LibraryClient} client
 * @param {import('../files.js').Asked} asked
 * @param {(file: FullFile) => Promise<FullFile>} change
 * @returns {Promise<FullFile | null>} null without a sign-in; throws what `wrongOf` explains
 */
export async function changeNow(draft, client, asked, change) {
  try {
    return await tried(asked, () => change(draft.file));
  } catch (error) {
    if (!isOutdated(error)) throw error;
  }
  const newer = await tried(asked, () => client.file(draft.file.id));
  if (!newer) return null;
  draft.rebase(newer);
  return tried(asked, () => change(newer));
}
