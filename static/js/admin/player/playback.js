/**
 * The sound of one file at a time. After a failure it goes on where it stopped: by itself while the server is away, else
 * with the next `play`. An audio element that has failed stays silent until it is loaded again.
 *
 * @typedef {object} Playable
 * @property {string} id
 * @property {string} filename
 * @property {string | null} [title]
 * @property {string | null} [artist]
 * @property {number | null} duration seconds
 * @property {string} [source] URL of its bytes, if it is no file of the library: a rejected one
 *
 * @typedef {'' | 'unreachable' | 'gone' | 'broken'} Failure
 */
import { keepPosition, keptPosition } from './positions.js';

/** Waits before the tries to load it again. */
const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
/** A browser tries for half a minute before it reports an error: the server is asked after this time without sound. */
const STALLED_MS = 2500;
/** Tries, if the server sends the bytes, after which the file counts as broken. */
const BROKEN_AFTER = 2;
const KEEP_MS = 5000;

/** Dispatches `changed` for another file, play, pause, failure; `time` for another position. */
export class Playback extends EventTarget {
  #audio = new Audio();
  /** @type {Playable | null} */
  #file = null;
  /** Seconds; also while nothing is loaded. */
  #at = 0;
  /** The element knows the file, so its time is the position. */
  #ready = false;
  #wanted = false;
  /** @type {Failure} */
  #failure = '';
  #tries = 0;
  #keptAt = 0;
  /** Counts loads, so that what is heard of an earlier one is dropped. */
  #loads = 0;
  /** Of the next try. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Of a sound that is waited for. @type {ReturnType<typeof setTimeout> | undefined} */
  #stalled;

  /** @param {(file: Playable) => string} urlOf @param {(url: string) => Promise<Failure>} why the bytes cannot be had; "" if they can */
  constructor(urlOf, why) {
    super();
    this.urlOf = urlOf;
    this.why = why;
    const on = (/** @type {string} */ name, /** @type {() => void} */ act) => this.#audio.addEventListener(name, act);
    this.#audio.preload = 'metadata';
    on('loadedmetadata', () => {
      if (this.#at > 0) this.#audio.currentTime = this.#at;
      this.#ready = true;
      this.#tell('time');
    });
    on('timeupdate', () => this.#moved());
    on('seeked', () => this.#moved());
    on('durationchange', () => this.#tell('time'));
    on('playing', () => this.#sounds());
    for (const name of ['waiting', 'seeking']) on(name, () => this.#wait());
    on('canplay', () => clearTimeout(this.#stalled));
    on('play', () => this.#want(true));
    on('pause', () => this.#want(false));
    on('ended', () => this.#keep());
    on('error', () => this.#failed());
    addEventListener('pagehide', () => this.#keep());
  }

  get file() { return this.#file; }
  get at() { return this.#at; }
  get failure() { return this.#failure; }
  /** It plays, or will as soon as it can. */
  get isPlaying() { return this.#wanted; }
  get rate() { return this.#audio.playbackRate; }
  set rate(rate) { this.#audio.defaultPlaybackRate = this.#audio.playbackRate = rate; }
  /** @returns {number} seconds */
  get duration() { return this.#ready && Number.isFinite(this.#audio.duration) ? this.#audio.duration : this.#file?.duration ?? 0; }

  /** Loads another file, where the reader stopped listening. @param {Playable} file @param {number} [at] seconds */
  open(file, at) {
    if (this.#file?.id === file.id) {
      this.#file = file;
      if (at !== undefined) this.seek(at);
      return;
    }
    this.close();
    this.#file = file;
    this.#load(at ?? keptPosition(file.id));
  }

  play() {
    if (!this.#file) return;
    this.#tries = 0;
    this.#start();
  }

  pause() {
    clearTimeout(this.#timer);
    clearTimeout(this.#stalled);
    this.#audio.pause();
    this.#want(false);
    this.#keep();
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.#at = Math.max(0, Math.min(seconds, this.duration));
    if (this.#ready) this.#audio.currentTime = this.#at;
    this.#tell('time');
  }

  close() {
    if (!this.#file) return;
    this.pause();
    this.#file = null;
    this.#ready = false;
    this.#failure = '';
    this.#audio.removeAttribute('src');
    this.#audio.load();
    this.#tell('changed');
  }

  #start() {
    clearTimeout(this.#timer);
    if (this.#failure || this.#audio.error) this.#load(this.#at);
    this.#want(true);
    this.#wait();
    // The error event reports a failed play.
    this.#audio.play().catch(() => undefined);
  }

  /** @param {number} at seconds */
  #load(at) {
    const { rate } = this;
    this.#loads += 1;
    this.#at = at;
    this.#ready = false;
    this.#failure = '';
    this.#audio.src = this.urlOf(/** @type {Playable} */ (this.#file));
    this.rate = rate;
    this.#tell('changed');
  }

  #moved() {
    if (!this.#ready || this.#failure) return;
    this.#at = this.#audio.currentTime;
    if (Date.now() - this.#keptAt > KEEP_MS) this.#keep();
    this.#tell('time');
  }

  /** @param {boolean} wanted */
  #want(wanted) {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    this.#tell('changed');
  }

  #keep() {
    if (!this.#file) return;
    this.#keptAt = Date.now();
    keepPosition(this.#file.id, this.#at, this.duration);
  }

  #sounds() {
    clearTimeout(this.#stalled);
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#ready = true;
    if (!this.#failure) return;
    this.#failure = '';
    this.#tell('changed');
  }

  #wait() {
    clearTimeout(this.#stalled);
    if (this.#wanted) this.#stalled = setTimeout(() => this.#failed(), STALLED_MS);
  }

  /** The element reports an error, or nothing for too long. */
  async #failed() {
    const [file, load] = [this.#file, this.#loads];
    const { error } = this.#audio;
    if (!file) return;
    const why = await this.why(this.urlOf(file));
    const sounds = this.#audio.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA || !this.#wanted;
    if (this.#file !== file || this.#loads !== load || (!error && sounds)) return;
    // The line is slow.
    if (!error && why === '') return this.#wait();
    const again = why === 'unreachable' ? this.#tries < AGAIN_MS.length : why === '' && this.#tries < BROKEN_AFTER;
    this.#ready = false;
    this.#failure = why || (again ? 'unreachable' : 'broken');
    clearTimeout(this.#timer);
    if (again && this.#wanted) this.#timer = setTimeout(() => this.#start(), AGAIN_MS[this.#tries]);
    else this.#wanted = false;
    this.#tries += 1;
    this.#tell('changed');
  }

  /** @param {string} what */
  #tell(what) { this.dispatchEvent(new Event(what)); }
}
