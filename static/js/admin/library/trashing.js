/**
 * Moves files to the trash: the row leaves at once, and comes back by Undo or if the server refuses. Why it was moved may
 * be said afterwards, so that nobody has to think of a reason first.
 *
 * @typedef {import('../files.js').StoredFile} StoredFile
 */
import { say } from '../../words.js';
import { askReason } from '../dialog.js';
import { called } from './file-rows.js';

/**
 * @param {StoredFile} file
 * @param {string} reason that was given before
 * @returns {Promise<string | null>} null if it stays as it is
 */
export async function askWhyTrashed(file, reason) {
  const given = await askReason({ heading: say('trash.why', { name: called(file) }), label: say('trash.why_label'), reason,
    yes: say('edit.save'), no: say('edit.cancel') });
  return given === reason ? null : given;
}

/**
 * @param {import('../library-client.js').LibraryClient} client
 * @param {import('../files.js').Asked} asked
 * @param {import('./toast.js').Toast} toast
 */
export function makeTrashing(client, asked, toast) {
  const trashing = {
    /** Set by the list: takes a row out and returns what puts it back. @type {(id: string) => (() => void) | null} */
    take: () => null,
    /** Set by the list. @type {(file: StoredFile) => void} */
    put: () => undefined,
    /** Set by the list: a file has come back that is not in its rows. @type {() => void} */
    restored: () => undefined,
    /** Files that were moved to the trash here. A response to an earlier request may still list them. @type {Set<string>} */
    away: new Set(),

    /** @param {StoredFile} file */
    async trash(file) {
      const back = trashing.take(file.id);
      trashing.away.add(file.id);
      const moved = asked(() => client.trash(file), () => undefined);
      const putBack = () => {
        trashing.away.delete(file.id);
        back?.();
      };
      offer(file, moved, putBack);
      if (await moved) return;
      putBack();
      // Somebody changed it meanwhile: the row shows what it is now.
      const now = await client.file(file.id).catch(() => null);
      if (now) trashing.put(now);
    },
  };

  /** Says that the file was moved, and takes it back or asks for a reason. @param {StoredFile} file @param {Promise<StoredFile | null>} moved @param {() => void} putBack */
  function offer(file, moved, putBack) {
    let reason = '';
    const act = async () => {
      putBack();
      const restored = await moved && await asked(() => client.restore(file.id), () => undefined);
      if (restored) trashing.put(restored);
      else if (await moved) trashing.take(file.id);
    };
    const tell = () => toast.say(say(reason ? 'trash.moved_why' : 'trash.moved', { name: called(file), reason }),
      { act, more: { words: say(reason ? 'trash.change_why' : 'trash.add_why'), act: explain } });

    async function explain() {
      const given = await askWhyTrashed(file, reason);
      if (given !== null && await moved) await send(given);
      else if (await moved) tell();
    }

    /** @param {string} given */
    async function send(given) {
      if (!await asked(() => client.explain(file.id, given), () => send(given))) return;
      reason = given;
      tell();
    }

    tell();
  }
  return trashing;
}
/** @typedef {ReturnType<typeof makeTrashing>} Trashing */
