/**
 * Smoothed speed of one upload. What counts is what the server recorded: the bytes that a browser has handed on sit in
 * buffers at first and promise a speed that the line does not have. Until enough is recorded, the mean of the handed-on
 * bytes stands in, without the first second and not before three.
 */

const SWALLOWED_MS = 1000;
const HIDDEN_MS = 3000;
const EVERY_MS = 500;
const SAMPLES = 40;
const ENOUGH = 6;

/**
 * @typedef {object} Speed
 * @property {number} since ms, when counting began
 * @property {number} first bytes from which the mean counts
 * @property {number} safe0 bytes recorded when counting began
 * @property {[number, number][]} samples ms and recorded bytes, since the first slice was recorded
 * @property {number | null} rate bytes per second; null while hidden
 */

/**
 * @param {number} now ms
 * @param {number} sent bytes
 * @param {number} [safe] recorded bytes
 * @returns {Speed}
 */
export function startSpeed(now, sent, safe = sent) {
  return { since: now, first: sent, safe0: safe, samples: [], rate: null };
}

/**
 * Bytes are recorded slice by slice, a staircase; the slope of its least squares is steadier than any two of its points.
 * @param {[number, number][]} samples
 * @returns {number} bytes per second
 */
function slope(samples) {
  const meanAt = samples.reduce((sum, [at]) => sum + at, 0) / samples.length;
  const meanSafe = samples.reduce((sum, [, safe]) => sum + safe, 0) / samples.length;
  const both = samples.reduce((sum, [at, safe]) => sum + (at - meanAt) * (safe - meanSafe), 0);
  return (1000 * both) / samples.reduce((sum, [at]) => sum + (at - meanAt) ** 2, 0);
}

/**
 * @param {Speed} speed
 * @param {number} now ms
 * @param {number} sent bytes, with those on their way; falls when a slice was dropped and starts again
 * @param {number} [safe] recorded bytes
 * @returns {Speed}
 */
export function noteSpeed(speed, now, sent, safe = sent) {
  const age = now - speed.since;
  if (age < SWALLOWED_MS) return { ...speed, first: sent };
  const last = speed.samples[speed.samples.length - 1];
  const due = safe > speed.safe0 && (!last || now - last[0] >= EVERY_MS);
  const samples = due ? [...speed.samples, /** @type {[number, number]} */ ([now, safe])].slice(-SAMPLES) : speed.samples;
  if (age < HIDDEN_MS) return { ...speed, samples };
  const told = samples.length >= ENOUGH && samples[samples.length - 1][1] > samples[0][1];
  const mean = (sent - speed.first) / ((age - SWALLOWED_MS) / 1000);
  return { ...speed, samples, rate: Math.max(0, told ? slope(samples) : mean) };
}

/**
 * @param {Speed | null} speed
 * @param {number} left bytes
 * @returns {number | null} seconds; null while unknown
 */
export function timeLeft(speed, left) {
  if (!speed || !speed.rate) return null;
  return left / speed.rate;
}
