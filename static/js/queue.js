import { isActive, isUnsent } from './upload.js';
import { total } from './ranges.js';

/** @typedef {import('./upload.js').PageUpload} PageUpload */

/** Two files at a time keep the line full while one of them is being checked or recorded. */
export const AT_ONCE = 2;

/**
 * @param {PageUpload[]} uploads in the order in which they shall go
 * @returns {PageUpload[]} those that may start now
 */
export function startable(uploads) {
  const free = AT_ONCE - uploads.filter(isActive).length;
  return free > 0 ? uploads.filter((upload) => upload.state === 'queued' && upload.hasFile).slice(0, free) : [];
}

/**
 * @param {PageUpload[]} uploads
 * @returns {{files: number, sent: number, length: number, left: number}} over all that still have bytes to send; `sent` is recorded
 */
export function sums(uploads) {
  const open = uploads.filter(isUnsent);
  const sent = open.reduce((sum, upload) => sum + total(upload.received), 0);
  const length = open.reduce((sum, upload) => sum + upload.length, 0);
  return { files: open.length, sent, length, left: length - sent };
}
