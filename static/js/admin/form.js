/**
 * A form in a dialog, with its errors at their fields.
 *
 * @typedef {object} Field
 * @property {string} name as in the request
 * @property {string} label
 * @property {'text' | 'password' | 'long' | 'number' | 'size' | 'moment' | 'choice' | 'several'} [kind]
 * @property {any} [value] as in the response
 * @property {boolean} [required]
 * @property {string} [hint]
 * @property {[string, string][]} [options] values and texts of a choice
 * @property {boolean} [more] shown only if further fields are opened
 */
import { Refusal, Trouble } from '../client.js';
import { html, ref } from '../html.js';
import { knows, say } from '../words.js';
import { openDialog } from './dialog.js';

const GB = 1024 ** 3;

/** @param {string | null | undefined} time RFC 3339 @returns {string} as `datetime-local` has it: local, without seconds */
function localMoment(time) {
  if (!time) return '';
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Texts of inputs, from values of a response. @type {Record<string, (value: any) => string | number>} */
const SHOWN = {
  size: (value) => (value === null || value === undefined ? '' : Math.round((value / GB) * 100) / 100),
  moment: localMoment,
};
/** Values for a request, from what was typed; null if nothing was. @type {Record<string, (text: string) => any>} */
const READ = {
  size: (text) => (text ? Math.round(Number(text) * GB) : null),
  number: (text) => (text ? Number(text) : null),
  moment: (text) => (text ? new Date(text).toISOString() : null),
};
/** @type {Record<string, string>} */
const ATTRIBUTES = { size: 'number', moment: 'datetime-local', number: 'number', password: 'password' };

/** Attributes without quotes, which values may not bring. @type {Record<string, string>} */
const NUMERIC = { size: 'min=0 step=any inputmode=decimal', number: 'min=0 step=1 inputmode=numeric' };

/** @param {Field} field @param {string} id */
function control({ name, kind = 'text', value, required, options = [], hint }, id) {
  const described = `${hint ? `${id}-hint ` : ''}${id}-wrong`;
  const shown = SHOWN[kind]?.(value) ?? value ?? '';
  const must = required ? 'required' : '';
  if (kind === 'several') {
    const chosen = new Set(value ?? []);
    return html`<div class="several" role="group" aria-labelledby="${id}-label" aria-describedby="${described}" id="${id}">${options.map(([one, text]) => html`<label class="check">
      <input type="checkbox" name="${name}" value="${one}" ${chosen.has(one) ? 'checked' : ''}> <span>${text}</span></label>`)}</div>`;
  }
  if (kind === 'choice') {
    return html`<select name="${name}" id="${id}" aria-describedby="${described}">${options.map(([one, text]) => html`<option value="${one}"
      ${one === shown ? 'selected' : ''}>${text}</option>`)}</select>`;
  }
  if (kind === 'long') return html`<textarea name="${name}" id="${id}" rows="3" aria-describedby="${described}" ${must}>${shown}</textarea>`;
  return html`<input name="${name}" id="${id}" type="${ATTRIBUTES[kind] ?? 'text'}" value="${shown}" aria-describedby="${described}" ${must}
    ${NUMERIC[kind] ?? ''}
    autocomplete="${kind === 'password' ? 'new-password' : 'off'}">`;
}

/** @param {Field} field */
function fieldMarkup(field) {
  const id = `field-${field.name}`;
  const label = html`${field.label}${field.required ? html` <span class="must" title="${say('form.required')}">*</span>` : ''}`;
  return html`<div class="field kind-${field.kind ?? 'text'}">
    ${field.kind === 'several' ? html`<span id="${id}-label">${label}</span>` : html`<label for="${id}">${label}</label>`}
    ${control(field, id)}
    ${field.hint ? html`<small id="${id}-hint">${field.hint}</small>` : ''}
    <p class="note" id="${id}-wrong" data-wrong="${field.name}"></p></div>`;
}

/** @param {HTMLFormElement} form @param {Field} field @returns {any} value for a request */
function valueOf(form, { name, kind = 'text', value }) {
  const data = new FormData(form);
  if (kind === 'several') return data.getAll(name).map(String);
  const text = String(data.get(name) ?? '');
  // What is shown is rounded: untouched, the value itself stays.
  if (kind in SHOWN && text === String(SHOWN[kind](value))) return value ?? null;
  return READ[kind]?.(text) ?? (kind in READ ? null : kind === 'password' ? text : text.trim());
}

/** @param {unknown} error @returns {string} in words */
export function failureWords(error) {
  if (error instanceof Refusal) return knows(`admin.why.${error.code}`) ? say(`admin.why.${error.code}`, /** @type {any} */ (error.problem)) : error.message;
  if (error instanceof Trouble && error.code === 'too_many_requests') return say('admin.why.too_many_requests', { seconds: Math.ceil(error.retryAfter ?? 1) });
  return say('edit.trouble');
}

/**
 * @template T
 * @param {object} plan
 * @param {string} plan.heading
 * @param {Field[]} plan.fields
 * @param {string} plan.action text of the button
 * @param {Record<string, string>} [plan.culprits] fields by the code of the problem, or by the member that it names
 * @param {(values: Record<string, any>) => Promise<T>} plan.save
 * @param {(saved: T) => void} plan.done
 * @param {{words: string, act: () => Promise<unknown>}} [plan.extra] another button, which changes nothing in the form
 */
export function openForm({ heading, fields, action, culprits = {}, save, done, extra }) {
  const [first, more] = [fields.filter((field) => !field.more), fields.filter((field) => field.more)];
  const dialog = openDialog(html`<dialog class="edit" aria-labelledby="form-heading"><form novalidate>
    <h2 id="form-heading">${heading}</h2>
    <div class="fields">${first.map(fieldMarkup)}</div>
    ${more.length ? html`<details data-ref="more"><summary>${say('form.more')}</summary><div class="fields">${more.map(fieldMarkup)}</div></details>` : ''}
    <p class="note" role="alert" data-ref="wrong"></p>
    <p class="buttons"><button type="submit" class="main" data-ref="save">${action}</button>
      <button type="button" class="quiet" data-ref="cancel">${say('edit.cancel')}</button>
      ${extra ? html`<button type="button" class="quiet first" data-ref="extra">${extra.words}</button>` : ''}</p>
  </form></dialog>`);
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector('form'));
  const button = /** @type {HTMLButtonElement} */ (ref(dialog, 'save'));

  /** @param {string} name of a field; another is said below all of them @param {string} words "" for no error */
  function complain(name, words) {
    const place = dialog.querySelector(`[data-wrong="${CSS.escape(name)}"]`) ?? ref(dialog, 'wrong');
    place.textContent = words;
    const input = /** @type {HTMLElement | null} */ (dialog.querySelector(`#field-${CSS.escape(name)}`));
    if (!input) return;
    input.toggleAttribute('aria-invalid', words !== '');
    if (!words) return;
    input.closest('details')?.setAttribute('open', '');
    input.focus();
  }

  /** @param {import('../client.js').Problem} problem @returns {string} name of the field; "" if there is none for it */
  function culprit({ code, field = '' }) {
    const parts = field.split('.');
    return culprits[code] ?? culprits[parts[0]] ?? parts.find((part) => fields.some(({ name }) => name === part)) ?? '';
  }

  /** @returns {boolean} whether everything is filled in that must be, and can be read */
  function complete() {
    for (const field of [...fields].reverse()) {
      const input = dialog.querySelector(`#field-${CSS.escape(field.name)}`);
      const bad = input instanceof HTMLInputElement && input.validity.badInput;
      const missing = field.required && (valueOf(form, field) ?? '').length === 0;
      complain(field.name, bad ? say('form.unreadable') : missing ? say('form.missing') : '');
    }
    return !dialog.querySelector('[aria-invalid]');
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    complain('', '');
    if (!complete()) return;
    button.disabled = true;
    try {
      const saved = await save(Object.fromEntries(fields.map((field) => [field.name, valueOf(form, field)])));
      dialog.close();
      done(saved);
    } catch (error) {
      complain(error instanceof Refusal ? culprit(error.problem) : '', failureWords(error));
    }
    button.disabled = false;
  });
  ref(dialog, 'cancel').addEventListener('click', () => dialog.close());
  if (extra) ref(dialog, 'extra').addEventListener('click', () => extra.act().then(() => dialog.close(), (error) => complain('', failureWords(error))));
}
