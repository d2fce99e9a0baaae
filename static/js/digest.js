/** Without a secure context (plain HTTP on a LAN) there is no WebCrypto: uploads work, slices carry no digest. */
export const canDigest = Boolean(globalThis.crypto?.subtle);

const ROOM = 4 * 1024 * 1024;
/** Rooms for bytes, used again and again: the collector would let hundreds of megabytes gather before it looks. @type {ArrayBuffer[]} */
const rooms = [];

/**
 * @param {Blob} blob
 * @returns {Promise<Uint8Array>} SHA-256 of its bytes
 */
export async function sha256(blob) {
  const reader = blob.size <= ROOM ? roomReader(blob) : null;
  if (!reader) return hashed(await blob.arrayBuffer());
  let room = rooms.pop() ?? new ArrayBuffer(ROOM);
  let filled = 0;
  while (filled < blob.size) {
    /** @type {ReadableStreamReadResult<Uint8Array<ArrayBuffer>>} */
    const { value, done } = await reader.read(new Uint8Array(room, filled, blob.size - filled));
    if (done) throw new DOMException('the file became shorter', 'NotReadableError');
    room = value.buffer;
    filled += value.byteLength;
  }
  const digest = await hashed(new Uint8Array(room, 0, filled));
  rooms.push(room);
  return digest;
}

/** @param {Blob} blob @returns {ReadableStreamBYOBReader | null} null where browsers cannot read into a given room */
function roomReader(blob) {
  try {
    return blob.stream().getReader({ mode: 'byob' });
  } catch {
    return null;
  }
}

/** @param {BufferSource} bytes */
const hashed = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

/**
 * @param {Uint8Array} bytes
 * @returns {string} as RFC 9530 writes it
 */
export function asField(bytes) {
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} lower-case hex
 */
export function asHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
