const REST_MS = 5000;

/**
 * Speaks to screen readers, at most once in five seconds; of what came meanwhile only the newest is said.
 *
 * @param {HTMLElement} region with `aria-live`
 * @returns {(text: string, aside?: boolean) => void} an aside is not said when something else waits to be said
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
