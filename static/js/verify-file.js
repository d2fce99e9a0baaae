import { asHex, canDigest, sha256 } from './digest.js';

/**
 * @typedef {object} Recorded one recorded slice, as in `GET …/slices`
 * @property {number} start
 * @property {number} stop
 * @property {string | null} digest hex SHA-256; null if the sender gave none
 */

/**
 * Checks whether this is the file whose slices the server has, before a byte is sent.
 *
 * @param {Blob} file
 * @param {number} length announced bytes
 * @param {Recorded[]} recorded
 * @param {(share: number) => void} progress 0…1
 * @param {() => Promise<void>} breathe awaited between slices; throws if the upload was cancelled
 * @returns {Promise<'same' | 'length' | 'content'>} `same`, or what differs
 */
export async function prove(file, length, recorded, progress, breathe) {
  if (file.size !== length) return 'length';
  const provable = canDigest ? recorded.filter((slice) => slice.digest) : [];
  const all = provable.reduce((sum, slice) => sum + slice.stop - slice.start, 0);
  let done = 0;
  for (const { start, stop, digest } of provable) {
    await breathe();
    if (asHex(await sha256(file.slice(start, stop))) !== digest) return 'content';
    done += stop - start;
    progress(done / all);
  }
  return 'same';
}
