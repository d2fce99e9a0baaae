/**
 * Drag and drop: the whole page is the target, and folders are read recursively.
 */
import { filesOfHandle } from './file-handles.js';

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function filesOf(entry) {
  if (entry.isFile) {
    return new Promise((resolve) => /** @type {FileSystemFileEntry} */ (entry).file((file) => resolve([file]), () => resolve([])));
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const files = [];
  // Browsers return at most 100 entries at a time, and an empty list at the end.
  for (;;) {
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve) => {
      reader.readEntries(resolve, () => resolve([]));
    });
    if (some.length === 0) return files.filter((file) => !file.name.startsWith('.'));
    for (const one of some) files.push(...await filesOf(one));
  }
}

/**
 * A drop as `early-input.js` stores it.
 * @typedef {{files: File[], entries: (FileSystemEntry | null)[], handles: (Promise<any> | undefined)[]}} Held
 */

/** @type {{drops: Held[], hold: (transfer: DataTransfer) => Held}} */
const early = /** @type {any} */ (globalThis).early;

/**
 * @param {Held} held
 * @returns {Promise<File[]>}
 */
async function dropped({ files, entries, handles }) {
  try {
    const all = await Promise.all(handles);
    if (all.length && all.every(Boolean)) return (await Promise.all(all.map(filesOfHandle))).flat();
  } catch {
    // Some drag sources give files but no handles.
  }
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = await Promise.all(entries.map((entry) => (entry ? filesOf(entry) : [])));
  return found.flat();
}

/**
 * @param {HTMLElement} veil shown while files are dragged over the page
 * @param {(files: File[]) => void} take
 */
export function dropTarget(veil, take) {
  let depth = 0;
  const carriesFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
  const give = async (/** @type {Held} */ held) => {
    const files = await dropped(held);
    if (files.length) take(files);
  };
  const show = () => { veil.hidden = depth === 0; };
  addEventListener('dragenter', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show();
  });
  addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    show();
  });
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('drop', (event) => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    depth = 0;
    show();
    give(early.hold(event.dataTransfer));
  });
  for (const held of early.drops.splice(0)) give(held);
}
