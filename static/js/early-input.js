// Runs before the first paint, while the modules are being loaded: hides the plain form, and stores files dropped or
// chosen meanwhile for `main.js`. If the modules cannot be loaded it shows the plain form again.
(() => {
  // A browser without modules.
  if (!('noModule' in HTMLScriptElement.prototype)) return;

  const RETRY_MS = [1000, 3000, 8000];
  const GIVE_UP_MS = 30000;
  const page = /** @type {any} */ (window);
  const classes = document.documentElement.classList;
  const find = (/** @type {string} */ selector) => /** @type {any} */ (document.querySelector(selector));
  /** `touched`: the plain form is shown and in use, and stays. @type {any} */
  const early = page.early = { drops: [], picked: null, touched: false, hold };
  let tries = 0;
  let retrying = false;
  classes.add('js');

  const loading = () => classes.contains('js') && !classes.contains('ready');

  /**
   * Returns a drop's files at once: browsers empty the list after the event.
   * @param {any} transfer
   */
  function hold(transfer) {
    const items = [...transfer.items].filter((item) => item.kind === 'file');
    return {
      files: [...transfer.files],
      entries: items.map((item) => item.webkitGetAsEntry()),
      handles: items.map((item) => {
        const handle = item.getAsFileSystemHandle?.();
        handle?.catch(() => undefined);
        return handle;
      }),
    };
  }

  function over(/** @type {any} */ event) {
    if (!loading() || !event.dataTransfer?.types.includes('Files')) return;
    // Otherwise the browser would open the file instead of the page.
    event.preventDefault();
    if (event.type !== 'drop') return;
    early.drops.push(hold(event.dataTransfer));
    classes.add('kept');
  }

  function choose(/** @type {any} */ event) {
    if (!loading() || !event.target.closest('[data-ref=choose]')) return;
    if (!page.showOpenFilePicker) {
      find('[data-ref=picker]').click();
      return;
    }
    early.picked = page.showOpenFilePicker({ multiple: true, types: [{ description: 'MP3', accept: { 'audio/mpeg': ['.mp3'] } }] });
    early.picked.then(() => classes.add('kept'), () => undefined);
  }

  function touch(/** @type {any} */ event) {
    if (!classes.contains('js') && event.target.closest?.('.plain')) early.touched = true;
  }

  function plain() {
    if (!loading()) return;
    classes.remove('js');
    const file = early.drops[0]?.files[0];
    if (!file) return;
    const transfer = new DataTransfer();
    transfer.items.add(file);
    find('[name=mp3]').files = transfer.files;
    early.touched = true;
  }

  // Browsers remember failed modules by URL, so retries load them below another path, such as `index-en-VERSION.1`.
  function retry() {
    if (retrying || !loading()) return;
    if (tries === RETRY_MS.length) {
      plain();
      return;
    }
    retrying = true;
    setTimeout(() => {
      retrying = false;
      tries += 1;
      const again = document.createElement('script');
      again.type = 'module';
      again.src = find('script[type=module]').src.replace(/(\/static\/[\w-]+)[^/]*/, `$1.${tries}`);
      document.head.append(again);
    }, RETRY_MS[tries]);
  }

  for (const type of ['dragenter', 'dragover', 'drop']) addEventListener(type, over);
  for (const type of ['input', 'pointerdown', 'keydown']) addEventListener(type, touch);
  addEventListener('click', choose);
  addEventListener('error', (/** @type {any} */ event) => {
    if (event.target.type === 'module' || /\/static\//.test(event.filename)) retry();
  }, true);
  setTimeout(plain, GIVE_UP_MS);
})();
