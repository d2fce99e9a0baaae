/**
 * Detects a file's type by its first bytes, so that other types than MP3 are not sent. Neither DOM nor network.
 *
 * @typedef {'mp3' | 'audio' | 'picture' | 'text' | 'other'} Group
 * @typedef {{group: Group, name: string}} Kind `name` is the format's name, the same in every language
 */

/** Enough bytes to detect text. */
const HEAD_BYTES = 64;

/** By the server's names. @type {Record<string, Kind>} */
const KINDS = Object.fromEntries([
  ['mp3', 'mp3', 'MP3'], ['wav', 'audio', 'WAV'], ['aiff', 'audio', 'AIFF'], ['flac', 'audio', 'FLAC'], ['ogg', 'audio', 'Ogg'], ['mp4', 'audio', 'M4A'],
  ['aac', 'audio', 'AAC'], ['asf', 'audio', 'WMA'], ['matroska', 'audio', 'WebM'], ['caf', 'audio', 'CAF'], ['amr', 'audio', 'AMR'],
  ['jpeg', 'picture', 'JPEG'], ['png', 'picture', 'PNG'], ['gif', 'picture', 'GIF'], ['webp', 'picture', 'WebP'], ['text', 'text', ''], ['html', 'text', ''],
  ['pdf', 'other', 'PDF'], ['zip', 'other', 'ZIP'],
].map(([id, group, name]) => [id, { group: /** @type {Group} */ (group), name }]));

/** @type {[string, string][]} first bytes of a file; `?` is any byte */
const BEGINNINGS = [
  ['ID3', 'mp3'], ['RIFF????WAVE', 'wav'], ['RF64????WAVE', 'wav'], ['RIFF????WEBP', 'webp'], ['FORM????AIF', 'aiff'], ['fLaC', 'flac'], ['OggS', 'ogg'],
  ['????ftyp', 'mp4'], ['\x30\x26\xb2\x75\x8e\x66\xcf\x11', 'asf'], ['\x1a\x45\xdf\xa3', 'matroska'], ['caff', 'caf'], ['#!AMR', 'amr'],
  ['\xff\xd8\xff', 'jpeg'], ['\x89PNG', 'png'], ['GIF8', 'gif'], ['%PDF', 'pdf'], ['PK\x03\x04', 'zip'],
];

/** @param {string} name @returns {Kind | undefined} the kind of this name */
export const kindNamed = (name) => (Object.hasOwn(KINDS, name) ? KINDS[name] : undefined);

/** @param {Uint8Array} head of a file @returns {Kind | null} null if unknown */
export function kindOf(head) {
  const begin = String.fromCharCode(...head.subarray(0, 16));
  const found = BEGINNINGS.find(([sign]) => begin.length >= sign.length && [...sign].every((letter, k) => letter === '?' || letter === begin[k]));
  if (found) return KINDS[found[1]];
  if (head[0] === 0xff && (head[1] & 0xf6) === 0xf0) return KINDS.aac;
  if (isFrame(head)) return KINDS.mp3;
  return head.length > 0 && head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13)) ? KINDS.text : null;
}

/** @param {Uint8Array} head @returns {boolean} it begins with a frame header of MPEG audio, layer III */
const isFrame = (head) => head[0] === 0xff && (head[1] & 0xe6) === 0xe2 && (head[1] & 0x18) !== 0x08
  && head[2] >> 4 !== 15 && head[2] >> 4 !== 0 && (head[2] & 0x0c) !== 0x0c;

/**
 * Decides whether to send a file. One named .mp3 may begin with unknown bytes before its first frame: the server decides.
 *
 * @param {Kind | null} kind
 * @param {string} filename
 * @returns {'send' | 'ask' | 'leave'}
 */
export function whatToDo(kind, filename) {
  if (/\.mp3$/i.test(filename)) return kind && ['audio', 'picture', 'other'].includes(kind.group) ? 'leave' : 'send';
  return kind?.group === 'mp3' ? 'ask' : 'leave';
}

/** @param {Blob} file @returns {Promise<Kind | null>} null also if it cannot be read */
export async function sniff(file) {
  try {
    return kindOf(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  } catch {
    return null;
  }
}
