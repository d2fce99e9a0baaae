/**
 * What was edited of a file and is not saved yet, and what somebody else has changed meanwhile. Neither DOM nor network.
 *
 * @typedef {{start: number, title: string, url: string | null}} Chapter seconds
 * @typedef {{start: string, title: string, url: string}} ChapterRow as typed
 * @typedef {{integrated: number | null, range: number | null, true_peak: number | null, leading_silence: number | null,
 *   trailing_silence: number | null, peaks: number[]}} Loudness LUFS, LU, dBTP, seconds, percent of full scale
 *
 * @typedef {object} Details what a row of the list lacks; tags are members too
 * @property {string} stored_name
 * @property {string | null} cover_url null if there is none
 * @property {number} bitrate bit/s
 * @property {number} sample_rate Hz
 * @property {number} channels
 * @property {'ok' | 'warn' | 'reject' | null} verdict
 * @property {'proven' | 'complete' | 'structural' | null} grade
 * @property {string} sha256 of what arrived
 * @property {string | null} audio_sha256
 * @property {import('../../client.js').Finding[]} findings
 * @property {Record<string, string>} suggested_tags
 * @property {Chapter[]} chapters
 * @property {Loudness | null} loudness
 * @property {{vbr?: boolean, encoder?: string | null, text_encoding?: string | null} | null} audio
 *
 * @typedef {import('../files.js').StoredFile & Details} FullFile
 * @typedef {string | ChapterRow[]} Value of a tag or of `chapters`
 */
import { stamp } from './times.js';

export const FIRST = ['title', 'artist', 'album', 'date', 'genre', 'comment'];
export const FURTHER = ['album_artist', 'composer', 'track', 'disc', 'bpm', 'key', 'mood', 'language', 'grouping', 'label', 'isrc',
  'copyright', 'description', 'lyrics'];
export const CHAPTERS = 'chapters';
const TAGS = [...FIRST, ...FURTHER];

/** @param {FullFile} file @param {string} name of a tag @returns {string} */
export const tagOf = (file, name) => /** @type {any} */ (file)[name] ?? '';

/** @param {FullFile} file @returns {ChapterRow[]} */
export const rowsOf = (file) => file.chapters.map(({ start, title, url }) => ({ start: stamp(start), title, url: url ?? '' }));

/** @param {Value} one @param {Value} other @returns {boolean} */
const same = (one, other) => (typeof one === 'string' && typeof other === 'string' ? one.trim() === other.trim()
  : JSON.stringify(one) === JSON.stringify(other));

export class Draft {
  /** @type {Map<string, Value>} by tag, or `chapters` */
  #mine = new Map();
  /** Of what both have changed. @type {Map<string, {mine: Value, theirs: Value}>} */
  #conflicts = new Map();

  /** @param {FullFile} file as it was read */
  constructor(file) { this.file = file; }

  get isDirty() { return this.#mine.size > 0; }
  get conflicts() { return this.#conflicts; }

  /** @param {string} name @returns {Value} in the file */
  #saved(name) { return name === CHAPTERS ? rowsOf(this.file) : tagOf(this.file, name); }

  /** @param {string} name of a tag @returns {string} */
  tag(name) { return /** @type {string} */ (this.#mine.get(name) ?? this.#saved(name)); }

  /** @returns {ChapterRow[]} */
  get chapters() { return /** @type {ChapterRow[]} */ (this.#mine.get(CHAPTERS) ?? this.#saved(CHAPTERS)); }

  /** @param {string} name @param {Value} value */
  put(name, value) {
    if (same(value, this.#saved(name))) this.#mine.delete(name);
    else this.#mine.set(name, value);
  }

  /** Settles a conflict. @param {string} name @param {'mine' | 'theirs'} whose */
  choose(name, whose) {
    const conflict = this.#conflicts.get(name);
    if (conflict) this.put(name, conflict[whose]);
  }

  /** @param {FullFile} file as it is saved */
  settle(file) {
    this.file = file;
    this.#mine.clear();
    this.#conflicts.clear();
  }

  /** @returns {Record<string, string | null>} tags that were changed; null removes one */
  get changedTags() {
    const changed = [...this.#mine].filter(([name]) => name !== CHAPTERS);
    return Object.fromEntries(changed.map(([name, text]) => [name, /** @type {string} */ (text).trim() || null]));
  }

  get hasChapterEdits() { return this.#mine.has(CHAPTERS); }

  /**
   * Goes on from a newer version of the file. Edits stay; what was not edited shows the newer text.
   * @param {FullFile} newer @returns {string[]} names of what somebody else has changed, without the conflicts
   */
  rebase(newer) {
    const before = [...TAGS, CHAPTERS].map((name) => [name, this.#saved(name)]);
    this.file = newer;
    this.#conflicts.clear();
    const adopted = [];
    for (const [name, old] of /** @type {[string, Value][]} */ (before)) {
      const theirs = this.#saved(name);
      const mine = this.#mine.get(name);
      if (mine !== undefined) this.put(name, mine);
      if (same(old, theirs)) continue;
      if (this.#mine.has(name)) this.#conflicts.set(name, { mine: /** @type {Value} */ (mine), theirs });
      else adopted.push(name);
    }
    return adopted;
  }
}
