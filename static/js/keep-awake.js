/**
 * Keeps the screen on and warns before leaving, while bytes are being sent.
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
 * @returns {(wanted: boolean) => void} keeps the screen on while wanted; the browser releases the lock when the tab is
 *   hidden, so it is requested again
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
      // Refused on low battery: then the screen turns off and the upload only pauses.
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
