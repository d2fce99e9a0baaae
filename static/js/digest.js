/** Without a secure context (plain HTTP on a LAN) there is no WebCrypto: uploads work, slices carry no digest. */
export const canDigest = Boolean(globalThis.crypto?.subtle);

/**
 * @param {Blob} blob
 * @returns {Promise<Uint8Array>} SHA-256 of its bytes
 */
export async function sha256(blob) {
  const buffer = await blob.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', buffer));
  // Given back at once: the collector lets hundreds of megabytes gather before it looks.
  /** @type {any} */ (buffer).transfer?.(0);
  return digest;
}

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
