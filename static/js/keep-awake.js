/**
 * Keeps the machine awake and the tab open, only while that helps.
 */

/**
 * @param {() => boolean} unsent whether leaving would stop bytes from being sent
 */
export function guardLeaving(unsent) {
  addEventListener('beforeunload', (event) => {
    if (unsent()) event.preventDefault();
  });
}

/**
 * @returns {(wanted: boolean) => void} holds the screen on while wanted; the browser takes the lock away whenever the
 *   tab is hidden, so it is asked for again
 */
export function wakeLock() {
  let wanted = false;
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  let asking = false;
  const settle = async () => {
    if (!navigator.wakeLock || asking) return;
    if (!wanted) {
      lock?.release();
      lock = null;
    } else if (document.visibilityState === 'visible' && (!lock || lock.released)) {
      asking = true;
      // Refused on low battery: then the screen goes dark and the upload waits, no more.
      lock = await navigator.wakeLock.request('screen').catch(() => null);
      asking = false;
      document.documentElement.dataset.awake = String(lock !== null);
      lock?.addEventListener('release', () => { document.documentElement.dataset.awake = 'false'; });
      if (!wanted) settle();
    }
  };
  document.addEventListener('visibilitychange', settle);
  return (now) => {
    if (now === wanted) return;
    wanted = now;
    settle();
  };
}
