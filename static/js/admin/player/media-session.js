/** Media keys, headphones and the lock screen of a phone. */

/**
 * @param {import('./playback.js').Playback} playback
 * @param {Record<string, () => void>} steps `previoustrack` and `nexttrack`
 */
export function useMediaSession(playback, steps) {
  if (!('mediaSession' in navigator)) return;
  const session = navigator.mediaSession;
  const skip = (/** @type {number} */ seconds) => playback.seek(playback.at + seconds);
  const acts = /** @type {Record<string, (details: MediaSessionActionDetails) => void>} */ ({
    play: () => playback.play(),
    pause: () => playback.pause(),
    seekbackward: ({ seekOffset }) => skip(-(seekOffset ?? 15)),
    seekforward: ({ seekOffset }) => skip(seekOffset ?? 15),
    seekto: ({ seekTime }) => playback.seek(seekTime ?? 0),
    ...steps,
  });
  for (const [name, act] of Object.entries(acts)) {
    try {
      session.setActionHandler(/** @type {MediaSessionAction} */ (name), act);
    } catch {
      // Not every browser knows every action.
    }
  }
  let shown = '';
  playback.addEventListener('changed', () => {
    const { file } = playback;
    session.playbackState = !file ? 'none' : playback.isPlaying ? 'playing' : 'paused';
    if (shown === (file?.id ?? '')) return;
    shown = file?.id ?? '';
    session.metadata = file ? new MediaMetadata({ title: file.title || file.filename, artist: file.artist ?? '' }) : null;
  });
  playback.addEventListener('time', () => {
    const { duration, at, rate } = playback;
    if (duration > 0) session.setPositionState?.({ duration, position: Math.min(at, duration), playbackRate: rate });
  });
}
