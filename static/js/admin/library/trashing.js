/**
 * Moves files to the trash: the row leaves at once, and comes back by Undo or if the server refuses.
 *
 * @typedef {import('../files.js').StoredFile} StoredFile
 */
import { say } from '../../words.js';
import { called } from './file-rows.js';

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
      toast.say(say('trash.moved', { name: called(file) }), { act: async () => {
        putBack();
        const restored = await moved && await asked(() => client.restore(file.id), () => undefined);
        if (restored) trashing.put(restored);
        else if (await moved) trashing.take(file.id);
      } });
      if (await moved) return;
      putBack();
      // Somebody changed it meanwhile: the row shows what it is now.
      const now = await client.file(file.id).catch(() => null);
      if (now) trashing.put(now);
    },
  };
  return trashing;
}
/** @typedef {ReturnType<typeof makeTrashing>} Trashing */
