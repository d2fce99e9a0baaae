/**
 * Notification at the end, enabled by a button and remembered in this browser. Browsers allow notifications on https
 * only, and Chromium on Android not from a page.
 */
import { setText } from './html.js';
import { say } from './words.js';

const WANTED = 'media_service.notify';

/** @param {HTMLElement} button */
export function notifier(button) {
  const able = isSecureContext && 'Notification' in globalThis && !/Android/.test(navigator.userAgent);
  let wanted = able && Notification.permission === 'granted' && localStorage.getItem(WANTED) === '1';

  button.addEventListener('click', async () => {
    wanted = !wanted && await Notification.requestPermission() === 'granted';
    localStorage.setItem(WANTED, wanted ? '1' : '');
    draw(true);
  });

  /** @param {boolean} open whether uploads are open */
  function draw(open) {
    button.hidden = !open || !able || Notification.permission === 'denied';
    button.setAttribute('aria-pressed', String(wanted));
    setText(button, say(wanted ? 'notify.on' : 'notify.ask'));
  }

  /** @param {string} text */
  function done(text) {
    if (!wanted || Notification.permission !== 'granted') return;
    try {
      const note = new Notification(say('page.title'), { body: text, tag: WANTED, icon: 'static/icon.svg' });
      note.onclick = () => { focus(); note.close(); };
    } catch {
      // Some browsers allow this only to a service worker.
    }
  }

  return { draw, done };
}
