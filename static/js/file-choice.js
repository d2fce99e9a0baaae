/** Input of files: the button, a drop, and files that `early-input.js` stored before the modules were loaded. */
import { dropTarget } from './drop.js';
import { pickFiles } from './file-handles.js';

/** Input stored by `early-input.js`. @type {{picked?: Promise<any[]>, touched: boolean}} */
export const early = /** @type {any} */ (globalThis).early;

/**
 * @param {(name: string) => HTMLElement} part of the page
 * @param {(files: File[]) => void} take new files
 * @param {(key: string, file: File) => void} takeAgain the file of an upload that needs it
 * @returns {(key: string) => void} opens the picker for the file of an upload
 */
export function wireChoice(part, take, takeAgain) {
  const picker = /** @type {HTMLInputElement} */ (part('picker'));
  const again = /** @type {HTMLInputElement} */ (part('picker-again'));
  let choosingFor = '';
  const choose = async (/** @type {Promise<any[]> | null} */ asked = null) => {
    const files = await pickFiles(asked);
    if (files?.length) take(files);
    if (!files) picker.click();
  };
  const taken = () => {
    if (picker.files?.length) take([...picker.files]);
    picker.value = '';
  };
  part('choose').addEventListener('click', () => choose());
  picker.addEventListener('change', taken);
  if (early.picked) choose(early.picked);
  taken();
  again.addEventListener('change', () => {
    const [file] = again.files ?? [];
    if (file) takeAgain(choosingFor, file);
    again.value = '';
  });
  dropTarget(part('veil'), take);
  return (key) => {
    choosingFor = key;
    again.click();
  };
}
