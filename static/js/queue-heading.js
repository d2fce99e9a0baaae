/**
 * The heading above the rows: totals, progress bar, speed, the tab's title, the final summary. Loaded when the page is
 * usable, at the latest with the first row.
 *
 * @typedef {import('./upload.js').PageUpload} PageUpload
 */
import { bytes, percent, timeLeft } from './format.js';
import { setText } from './html.js';
import { notifier } from './notify.js';
import { PageSpeed } from './page-speed.js';
import { isOpen } from './queue.js';
import { QueueTotals } from './queue-totals.js';
import { attention, endedAloud, shareOf, sumLine, tabTitle } from './summary.js';
import { language, say } from './words.js';

/**
 * @param {(name: string) => HTMLElement} part
 * @param {(text: string, aside?: boolean) => void} announce
 * @param {() => void} ended called when no upload is open
 */
export function queueHeading(part, announce, ended) {
  const totals = new QueueTotals();
  const speed = new PageSpeed();
  const notify = notifier(part('notify'));
  let wasOpen = false;
  /** tenths of all bytes last announced */
  let spokenOf = 0;

  /** Two shades: what is recorded, and paler what is under way. @param {number} safe 0…1 @param {number} sent 0…1 @param {boolean} hidden */
  function drawBar(safe, sent, hidden) {
    part('whole').hidden = hidden;
    part('whole').setAttribute('aria-valuenow', String(Math.floor(safe * 100)));
    part('whole-safe').style.transform = `scaleX(${safe})`;
    part('whole-sent').style.transform = `scaleX(${Math.min(1, sent)})`;
  }

  /** @param {PageUpload[]} uploads @param {boolean} cutOff no connection @param {string} title of the page */
  function draw(uploads, cutOff, title) {
    const sum = totals.count(uploads);
    const now = Date.now();
    speed.observe(uploads, now);
    if (sum.over) speed.reset();
    // A single file shows the same in its row.
    const alone = sum.files === 1 ? uploads.find(isOpen) : undefined;
    const rate = cutOff || sum.paused ? null : alone ? alone.rate : speed.rate;
    const rest = sum.length - sum.sent;
    setText(part('sum'), sumLine(sum, rate ? (alone ? timeLeft(rate, rest - alone.ahead) : speed.timeLeft(rest, now)) : null));
    part('files').classList.toggle('many', sum.files > 1);
    setText(part('speed'), rate ? say('row.speed', { amount: bytes(rate, language()) }) : '');
    setText(part('attention'), attention(sum));
    part('attention').hidden = !attention(sum);
    const flying = uploads.reduce((all, upload) => all + upload.flying, 0);
    drawBar(shareOf(sum), sum.length ? (sum.sent + flying) / sum.length : 0, sum.over);
    document.title = tabTitle(sum, cutOff, title);
    notify.draw(!sum.over);

    const tenths = Math.floor(shareOf(sum) * 10);
    if (tenths > spokenOf && !cutOff && !sum.over) announce(say('say.progress', { percent: percent(shareOf(sum), language()) }), true);
    spokenOf = tenths;
    if (wasOpen && sum.over) {
      // A single file's row has just announced the same.
      if (sum.files > 1) announce(endedAloud(sum));
      if (sum.files > 0) notify.done(endedAloud(sum));
      ended();
    }
    wasOpen = !sum.over;
  }

  return { draw };
}
