/**
 * Reads a local file's ID3v2 tag for a preview. Hints only: the server decides. Loaded after the first file was chosen.
 *
 * @typedef {{title?: string, artist?: string, album?: string}} Names
 *
 * @typedef {object} Hints
 * @property {Names} names
 * @property {Names | null} repaired corrected names, if Korean text was declared as Latin-1
 * @property {Blob | null} cover
 * @property {boolean} audio MPEG audio was found after the tag
 */

const READ = 3 * 1024 * 1024;
const SNIFF = 64 * 1024;
const FIELDS = /** @type {Record<string, keyof Names>} */ ({
  TIT2: 'title', TPE1: 'artist', TALB: 'album', TT2: 'title', TP1: 'artist', TAL: 'album',
});
const ENCODINGS = ['windows-1252', 'utf-16', 'utf-16be', 'utf-8'];
const HANGUL = /[가-힣]/;

/** @param {Uint8Array} bytes four of seven bits each */
const syncsafe = (bytes) => bytes.reduce((sum, byte) => sum * 128 + (byte & 127), 0);
/** @param {Uint8Array} bytes */
const plain = (bytes) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

/** Takes out the zeros that keep players from seeing a frame in a tag. @param {Uint8Array} bytes */
const synchronised = (bytes) => bytes.filter((byte, k) => !(byte === 0 && bytes[k - 1] === 0xff));

/** @param {Blob} file @param {number} start @param {number} stop */
const read = async (file, start, stop) => new Uint8Array(await file.slice(start, stop).arrayBuffer());

/**
 * @param {Uint8Array} tag without its head @param {number} version 2, 3 or 4
 * @returns {Generator<[string, Uint8Array]>} frames, up to the first that is truncated or empty
 */
function* frames(tag, version) {
  const [name, size, head] = version === 2 ? [3, 3, 6] : [4, 4, 10];
  for (let at = 0; at + head < tag.length;) {
    const id = String.fromCharCode(...tag.subarray(at, at + name));
    const field = tag.subarray(at + name, at + name + size);
    const length = version === 4 ? syncsafe(field) : plain(field);
    if (!/^[A-Z0-9]+$/.test(id) || length < 1 || at + head + length > tag.length) return;
    const flags = version === 2 ? 0 : tag[at + 9];
    let body = tag.subarray(at + head, at + head + length);
    if (version === 4 && flags & 1) body = body.subarray(4);
    if (version === 4 && flags & 2) body = synchronised(body);
    // Compressed or encrypted frames are skipped.
    if (!(flags & (version === 4 ? 0x0c : 0xc0))) yield [id, body];
    at += head + length;
  }
}

/** @param {Uint8Array} body of a text frame @param {string} [encoding] @returns {string} its first value */
function text(body, encoding = ENCODINGS[body[0]]) {
  return new TextDecoder(encoding).decode(body.subarray(1)).replace(/^\0+/, '').split('\0')[0].trim().normalize('NFC');
}

/** @param {Uint8Array} body @returns {string | null} the Korean text, if it is declared as Latin-1 */
function korean(body) {
  if (body[0] !== 0 || !body.some((byte) => byte > 127)) return null;
  try {
    const found = new TextDecoder('euc-kr', { fatal: true }).decode(body.subarray(1)).split('\0')[0].trim();
    return HANGUL.test(found) ? found : null;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} body of a picture frame @param {number} version @returns {Blob | null} */
function picture(body, version) {
  let at = version === 2 ? 5 : body.indexOf(0, 1) + 2;
  const wide = body[0] === 1 || body[0] === 2;
  while (at < body.length && (body[at] !== 0 || (wide && body[at + 1] !== 0))) at += wide ? 2 : 1;
  const bytes = body.slice(at + (wide ? 2 : 1));
  const type = bytes[0] === 0xff && bytes[1] === 0xd8 ? 'image/jpeg' : bytes[0] === 0x89 && bytes[1] === 0x50 ? 'image/png' : '';
  return type ? new Blob([bytes], { type }) : null;
}

/** @param {Uint8Array} bytes @returns {boolean} they contain a frame header of MPEG audio, layer III */
function soundsLikeMp3(bytes) {
  for (let at = 0; at + 3 < bytes.length; at += 1) {
    if (bytes[at] === 0xff && (bytes[at + 1] & 0xe6) === 0xe2 && (bytes[at + 1] & 0x18) !== 0x08
      && bytes[at + 2] >> 4 !== 15 && bytes[at + 2] >> 4 !== 0 && (bytes[at + 2] & 0x0c) !== 0x0c) return true;
  }
  return false;
}

/** @param {Blob} file @returns {Promise<Hints>} */
export async function readHints(file) {
  /** @type {Hints} */
  const hints = { names: {}, repaired: null, cover: null, audio: false };
  const head = await read(file, 0, 10);
  let end = 0;
  if (String.fromCharCode(...head.subarray(0, 3)) === 'ID3' && head[3] >= 2 && head[3] <= 4) {
    const version = head[3];
    end = 10 + syncsafe(head.subarray(6, 10));
    let tag = await read(file, 10, Math.min(end, READ));
    if (version < 4 && head[5] & 0x80) tag = synchronised(tag);
    if (version > 2 && head[5] & 0x40) {
      tag = tag.subarray(version === 4 ? syncsafe(tag.subarray(0, 4)) : 4 + plain(tag.subarray(0, 4)));
    }
    const repaired = /** @type {Names} */ ({});
    for (const [id, body] of frames(tag, version)) {
      const name = FIELDS[id];
      if (name && body[0] < ENCODINGS.length) {
        hints.names[name] ||= text(body);
        const better = korean(body);
        if (better) repaired[name] ||= better;
      }
      if (id === 'APIC' || id === 'PIC') hints.cover ??= picture(body, version);
    }
    if (Object.keys(repaired).length) hints.repaired = repaired;
  }
  hints.audio = soundsLikeMp3(await read(file, end, end + SNIFF));
  return hints;
}
