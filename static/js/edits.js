/**
 * Sends edits of an upload after its creation: tags and cover.
 *
 * @typedef {import('./entry.js').Entry} Entry
 */
import { editFailure } from './late-edits.js';

const TAGS_REST_MS = 600;
const AGAIN_MS = 5000;

export class Edits {
  /**
   * @param {import('./client.js').Client} client
   * @param {(entry: Entry, event: string) => void} saved or refused: `tags_saved`, `cover_saved`
   */
  constructor(client, saved) {
    this.client = client;
    this.saved = saved;
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    this.timers = new Map();
  }

  /** Once nothing was typed for a while. @param {Entry} entry */
  saveTagsSoon(entry) {
    const { key } = entry.upload;
    clearTimeout(this.timers.get(key));
    this.timers.set(key, setTimeout(() => this.saveTags(entry), TAGS_REST_MS));
  }

  /** @param {Entry} entry */
  async saveTags(entry) {
    const { key, id, tags } = entry.upload;
    const wanted = JSON.stringify(tags);
    try {
      await this.client.amend(/** @type {string} */ (id), { tags });
      entry.saved = { at: wanted, late: false, problem: null };
    } catch (error) {
      const what = editFailure(error);
      const problem = what === 'refused' ? /** @type {import('./client.js').Refusal} */ (error).problem : null;
      entry.saved = { at: what === 'late' ? wanted : '', late: what === 'late', problem };
      // Later input has its own timer.
      if (what === 'again' && entry.upload.tags === tags) this.timers.set(key, setTimeout(() => this.saveTags(entry), AGAIN_MS));
    }
    this.saved(entry, 'tags_saved');
  }

  /** @param {Entry} entry */
  async saveCover(entry) {
    const picture = entry.cover;
    entry.uncovered = null;
    try {
      await this.client.cover(/** @type {string} */ (entry.upload.id), /** @type {File} */ (picture));
    } catch (error) {
      if (editFailure(error) === 'again') return setTimeout(() => entry.cover === picture && this.saveCover(entry), AGAIN_MS);
      entry.uncovered = /** @type {import('./client.js').Refusal} */ (error).problem;
    }
    if (entry.cover !== picture) return undefined;
    entry.cover = null;
    this.saved(entry, 'cover_saved');
    return undefined;
  }
}
