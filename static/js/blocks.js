import { asHex, sha256 } from './digest.js';

/** Bytes of a block of the content hash. The default slice is one block, so each is read and hashed once. */
const BLOCK = 4 * 1024 * 1024;

/** SHA-256 of a file's blocks, each computed when it is first needed. */
export class Blocks {
  /** @param {Blob} file */
  constructor(file) {
    this.file = file;
    /** @type {Map<number, Promise<Uint8Array>>} by number */
    this.made = new Map();
  }

  /** @param {number} start @param {number} stop bytes @returns {Promise<Uint8Array>} SHA-256 of them */
  digest(start, stop) {
    const whole = start % BLOCK === 0 && stop === Math.min(start + BLOCK, this.file.size);
    return whole ? this.#block(start / BLOCK) : sha256(this.file.slice(start, stop));
  }

  /** @param {number} number */
  #block(number) {
    let digest = this.made.get(number);
    if (!digest) {
      digest = sha256(this.file.slice(number * BLOCK, (number + 1) * BLOCK));
      this.made.set(number, digest);
    }
    return digest;
  }

  /**
   * The file's content hash, computed ahead of sending.
   * @param {() => Promise<void>} breathe awaited between blocks; throws to end it
   * @returns {Promise<string>} hex
   */
  async contentHash(breathe) {
    const count = Math.ceil(this.file.size / BLOCK);
    const all = new Uint8Array(32 * count);
    for (let number = 0; number < count; number += 1) {
      await breathe();
      all.set(await this.#block(number), 32 * number);
    }
    return asHex(await sha256(new Blob([all])));
  }
}
