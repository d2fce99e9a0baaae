/**
 * The whole page is the drop target; folders are walked.
 */
import { filesOfHandle } from './handles.js';

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
  // Browsers hand out at most 100 entries at a time, and an empty list at the end.
  for (;;) {
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve) => {
      reader.readEntries(resolve, () => resolve([]));
    });
    if (some.length === 0) return files.filter((file) => !file.name.startsWith('.'));
    for (const one of some) files.push(...await filesOf(one));
  }
}

/**
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
async function dropped(transfer) {
  // The list is emptied as soon as we wait for anything, so every entry is taken first.
  const entries = [...transfer.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry());
  const plain = [...transfer.files];
  const handles = [...transfer.items].filter((item) => item.kind === 'file')
    .map((item) => /** @type {any} */ (item).getAsFileSystemHandle?.());
  try {
    const all = await Promise.all(handles);
    if (all.length && all.every(Boolean)) return (await Promise.all(all.map(filesOfHandle))).flat();
  } catch {
    // Some drag sources give files but no handles.
  }
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found = await Promise.all(entries.map((entry) => (entry ? filesOf(entry) : [])));
  return found.flat();
}

/**
 * @param {HTMLElement} veil shown while files hang over the page
 * @param {(files: File[]) => void} take
 */
export function dropTarget(veil, take) {
  let depth = 0;
  const carriesFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
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
  addEventListener('drop', async (event) => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    depth = 0;
    show();
    const files = await dropped(event.dataTransfer);
    if (files.length) take(files);
  });
}
