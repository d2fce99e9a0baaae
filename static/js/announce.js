const REST_MS = 5000;

/**
 * Announces to screen readers, at most once in five seconds; of texts in between only the newest is announced.
 *
 * @param {HTMLElement} region with `aria-live`
 * @returns {(text: string, aside?: boolean) => void} an aside is dropped if another text waits
 */
export function announcer(region) {
  let spokenAt = -REST_MS;
  /** @type {string | null} */
  let next = null;
  const speak = () => {
    if (next === null) return;
    region.textContent = next;
    next = null;
    spokenAt = performance.now();
  };
  return (text, aside = false) => {
    const idle = next === null;
    if (aside && !idle) return;
    next = text;
    if (idle) setTimeout(speak, Math.max(0, spokenAt + REST_MS - performance.now()));
  };
}
