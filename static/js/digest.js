/** Without a secure context (plain HTTP on a LAN) there is no WebCrypto: uploads work, slices carry no digest. */
export const canDigest = Boolean(globalThis.crypto?.subtle);

const ROOM = 4 * 1024 * 1024;
/** Reused buffers: otherwise hundreds of megabytes accumulate before they are garbage-collected. @type {ArrayBuffer[]} */
const rooms = [];

/**
 * Readers with a pending read. Browsers collect a stream that is referenced only by the promise of its next bytes,
 * which then never settles (https://github.com/WebKit/WebKit/pull/54097; Chromium 156 does it too).
 * @type {Set<ReadableStreamBYOBReader>}
 */
const held = new Set();

/**
 * @param {Blob} blob
 * @returns {Promise<Uint8Array>} SHA-256 of its bytes
 */
export async function sha256(blob) {
  const reader = blob.size <= ROOM ? roomReader(blob) : null;
  if (!reader) return hashed(await blob.arrayBuffer());
  held.add(reader);
  try {
    const bytes = await filled(reader, rooms.pop() ?? new ArrayBuffer(ROOM), blob.size);
    const digest = await hashed(bytes);
    rooms.push(bytes.buffer);
    return digest;
  } finally {
    held.delete(reader);
    // The stream was not read to its end: without this it keeps its buffers until it is garbage-collected.
    reader.cancel().catch(() => undefined);
  }
}

/**
 * @param {ReadableStreamBYOBReader} reader
 * @param {ArrayBuffer} room
 * @param {number} size bytes to read
 * @returns {Promise<Uint8Array<ArrayBuffer>>} in the transferred buffer
 */
async function filled(reader, room, size) {
  let at = 0;
  while (at < size) {
    /** @type {ReadableStreamReadResult<Uint8Array<ArrayBuffer>>} */
    const { value, done } = await reader.read(new Uint8Array(room, at, size - at));
    if (done) throw new DOMException('the file became shorter', 'NotReadableError');
    room = value.buffer;
    at += value.byteLength;
  }
  return new Uint8Array(room, 0, size);
}

/** @param {Blob} blob @returns {ReadableStreamBYOBReader | null} null if the browser cannot read into a given buffer */
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
 * @returns {string} value of Content-Digest (RFC 9530)
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
