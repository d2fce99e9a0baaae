/** How much of a limit is used, in words and as a share. Usage counts what is stored and what is reserved for uploads. */
import { bytes } from '../format.js';
import { language, say } from '../words.js';

/** @typedef {import('./people-client.js').Usage} Usage */

/** @param {Usage} usage */
const used = (usage) => ({ files: usage.files + usage.reserved_files, bytes: usage.bytes + usage.reserved_bytes });

/** @param {Usage} usage @param {number | null} limit bytes @returns {string} */
export function bytesUsed(usage, limit) {
  const amount = bytes(used(usage).bytes, language());
  return limit === null ? amount : say('usage.of', { used: amount, limit: bytes(limit, language()) });
}

/** @param {Usage} usage @param {number | null} limit @returns {string} */
export function filesUsed(usage, limit) {
  const { files } = used(usage);
  return limit === null ? say('usage.files', { count: files }) : say('usage.files_of', { used: files, count: limit });
}

/** @param {Usage} usage @param {{files?: number | null, bytes?: number | null}} limits @returns {number | null} the larger share of a limit */
export function share(usage, { files = null, bytes: most = null }) {
  const { files: many, bytes: much } = used(usage);
  const shares = [files === null ? null : many / Math.max(1, files), most === null ? null : much / Math.max(1, most)].filter((one) => one !== null);
  return shares.length ? Math.max(...shares) : null;
}
