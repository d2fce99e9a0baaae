/**
 * Texts about all files, from the queue's totals. No DOM.
 *
 * @typedef {import('./queue-totals.js').Totals} Totals
 */
import { bytes, left, percent } from './format.js';
import { language, say } from './words.js';

/** @param {Totals} totals @returns {number} 0…1 of all bytes; 1 only if no upload is open */
export const shareOf = ({ sent, length, over }) => (length === 0 ? Number(over) : sent / length);

/** @param {Totals} totals @returns {string} while an upload is open */
function running(totals, /** @type {number | null} */ seconds) {
  const lang = language();
  const rest = seconds === null || totals.paused ? null : left(seconds);
  return [
    totals.files > 1 ? say('sum.files', { done: totals.done, count: totals.files }) : '',
    say('sum.amount', { sent: bytes(totals.sent, lang), length: bytes(totals.length, lang) }),
    totals.paused ? say('sum.paused') : '',
    rest ? say(rest.key, rest.values) : '',
  ].filter(Boolean).join(' · ');
}

/** @param {Totals} totals @returns {string} */
export const attention = (totals) => (totals.over && totals.attention > 0 ? say('end.attention', { count: totals.attention }) : '');

/** @param {Totals} totals @returns {string} the summary at the end; empty before, and if nothing was sent */
export function ended(totals) {
  if (!totals.over || totals.files === 0) return '';
  if (totals.attention === 0) return say('end.stored', { count: totals.stored });
  return totals.stored > 0 ? say('end.some', { count: totals.stored }) : '';
}

/** @param {Totals} totals @returns {string} the summary as one sentence */
export const endedAloud = (totals) => [ended(totals), attention(totals)].filter(Boolean).join(' ');

/** @param {Totals} totals @param {number | null} seconds left @returns {string} */
export const sumLine = (totals, seconds) => (totals.files === 0 ? '' : totals.over ? ended(totals) : running(totals, seconds));

/** @param {Totals} totals @param {boolean} cutOff @param {string} title of the page @returns {string} the title of the tab */
export function tabTitle(totals, cutOff, title) {
  if (totals.files === 0) return title;
  if (totals.over) return totals.attention ? say('tab.attention', { count: totals.attention, title }) : say('tab.done', { title });
  return cutOff ? say('tab.offline', { title }) : say('tab.sending', { percent: percent(shareOf(totals), language()), title });
}
