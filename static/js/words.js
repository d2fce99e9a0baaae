/**
 * Texts of the page, in the user's language.
 *
 * @typedef {Record<string, string | {one?: string, other: string}>} Words
 */

/** Language buttons, one for each language with texts. @type {NodeListOf<HTMLElement>} */
const buttons = document.querySelectorAll('[data-language]');
const tags = Array.from(buttons, (button) => button.dataset.language ?? '');
const REMEMBERED = 'media_service.language';

/** @typedef {(tag: string) => Promise<{default: Words}>} Book the texts of one part of the product, by language */

/** @type {Book[]} loaded for the current language only */
const books = [];
/** @type {Words} */
let words = {};
let current = preferred();
let plurals = new Intl.PluralRules(current);

/** @returns {string} */
function preferred() {
  const wanted = [localStorage.getItem(REMEMBERED), ...navigator.languages].map((tag) => tag?.slice(0, 2) ?? '');
  return wanted.find((tag) => tags.includes(tag)) ?? 'en';
}

/** @param {Book} book @returns {Promise<void>} when its texts are loaded */
export async function learn(book) {
  books.push(book);
  Object.assign(words, (await book(current)).default);
}

/** @param {string} tag */
async function change(tag) {
  const pages = await Promise.all(books.map((book) => book(tag)));
  words = Object.assign({}, ...pages.map((page) => page.default));
  current = tag;
  plurals = new Intl.PluralRules(tag);
  localStorage.setItem(REMEMBERED, tag);
}

/** @returns {string} the tag of the current language */
export const language = () => current;

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} the key itself if there is no such text
 */
export function say(key, values = {}) {
  const entry = words[key] ?? key;
  const count = plurals.select(Number(values.count ?? 1)) === 'one' ? 'one' : 'other';
  const text = typeof entry === 'string' ? entry : entry[count] ?? entry.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @param {string} key @returns {boolean} */
export const knows = (key) => key in words;

/**
 * Fills `data-words`, and the attributes `data-words-label` and `data-words-placeholder`.
 * @param {ParentNode} root
 */
export function translate(root) {
  for (const element of root.querySelectorAll('[data-words]')) {
    // A text's values are in other data attributes, such as `data-station`.
    const { words: key = '', ...values } = /** @type {HTMLElement} */ (element).dataset;
    element.textContent = say(key, /** @type {Record<string, string>} */ (values));
  }
  for (const [attribute, from] of [['aria-label', 'data-words-label'], ['placeholder', 'data-words-placeholder']]) {
    for (const element of root.querySelectorAll(`[${from}]`)) {
      element.setAttribute(attribute, say(element.getAttribute(from) ?? ''));
    }
  }
}

/**
 * Connects the language buttons (`data-language="ko"`) and sets the document's language.
 * @param {() => void} changed redraws what scripts have drawn
 */
export function languageSwitch(changed) {
  const show = () => {
    document.documentElement.lang = current;
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.language === current));
    translate(document);
  };
  for (const button of buttons) {
    button.addEventListener('click', async () => {
      await change(button.dataset.language ?? 'en');
      show();
      changed();
    });
  }
  show();
}

await learn((tag) => import(`./words.${tag}.js`));
