/** The start page: what came today, what is on its way, what was refused, how much room is left. Each leads to its list. */
import { bytes, clock, percent } from '../../format.js';
import { html, only } from '../../html.js';
import { icon } from '../../icons.js';
import { language, say } from '../../words.js';
import { dayOf, hashOf, momentOf } from '../address.js';
import { called } from './file-rows.js';
import { when } from './flight.js';
import { patch } from './patch.js';

/** @typedef {import('../library-client.js').Overview} Overview */

const EVERY_MS = 10_000;
const LATEST = '6';
/** The server counts no further. */
const MOST = 10_000;
/** Share of the disk below which it is said in another colour. */
const LITTLE = 0.1;

/** @param {number} count @returns {string} */
const number = (count) => `${new Intl.NumberFormat(language()).format(Math.min(count, MOST))}${count > MOST ? '+' : ''}`;

/**
 * @param {Parameters<typeof icon>[0]} drawn
 * @param {string} name of the texts
 * @param {number} count
 * @param {import('../address.js').Address | null} to where it leads; null if the reader may not go there
 * @param {string} [more] a second line
 */
function figure(drawn, name, count, to, more = '') {
  const inside = html`${icon(drawn)}<strong>${number(count)}</strong><span class="of">${say(`start.${name}`, { count })}</span><span class="beneath">${more}</span>`;
  const state = count ? 'some' : 'none';
  return html`<li>${to ? html`<a class="figure" data-name="${name}" data-count="${state}" href="${hashOf(to)}">${inside}</a>`
    : html`<div class="figure" data-name="${name}" data-count="${state}">${inside}</div>`}</li>`;
}

/** @param {string} label @param {string} words @param {number} share used, 0…1 @param {boolean} tight */
const meter = (label, words, share, tight) => html`<div class="meter" data-tight="${tight ? 'yes' : 'no'}">
  <p><span>${label}</span> <span class="beneath">${words}</span></p>
  <div class="gauge" role="meter" aria-label="${label}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(share * 100)}" aria-valuetext="${words}"><span data-share="${Math.min(1, share)}"></span></div></div>`;

/** @param {NonNullable<Overview['disk']>} disk */
function diskMeter({ free, total }) {
  const words = say('start.free', { free: bytes(free, language()), total: bytes(total, language()) });
  return meter(say('start.disk'), words, 1 - free / total, free < total * LITTLE);
}

/** @param {Overview['quotas'][number]} quota */
function quotaMeter({ of, name, used, limit }) {
  const share = limit ? used / limit : 0;
  const words = say('start.used', { used: bytes(used, language()), limit: bytes(limit, language()), percent: percent(share, language()) });
  return meter(of === 'collection' && name ? name : say(`quota.${of}`), words, share, share > 1 - LITTLE);
}

/** @param {import('../files.js').StoredFile[]} files */
const latestList = (files) => html`<section class="latest" aria-labelledby="latest-heading"><h2 id="latest-heading">${say('start.latest')}</h2>
  <ul>${files.map((file) => html`<li><a href="${hashOf({ section: 'files', filters: {}, file: file.id })}"><span class="title">${called(file)}</span>
    <span class="beneath">${[file.artist, file.sender && say('start.from', { name: file.sender })].filter(Boolean).join(' · ')}</span></a>
    <span class="beneath">${clock(file.duration)}</span><span class="beneath">${when(file.uploaded_at)}</span></li>`)}</ul></section>`;

/**
 * @param {HTMLElement} root
 * @param {import('../files.js').Around} around
 * @param {(overview: Overview) => void} counted
 */
export function startSection(root, { client, asked, may }, counted) {
  /** @type {Overview | null} */
  let overview = null;
  /** @type {import('../files.js').StoredFile[]} */
  let latest = [];
  let shown = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function load() {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') {
      const both = () => Promise.all([client.overview(momentOf(dayOf(new Date()))), client.files({ limit: LATEST })]);
      const answer = await asked(both, () => shown && load());
      if (!answer) return;
      [overview, { files: latest }] = answer;
      counted(overview);
      draw();
    }
    if (shown) timer = setTimeout(load, EVERY_MS);
  }

  /** @param {string} section @param {Record<string, string>} [filters] */
  const to = (section, filters = {}) => (may('read') ? { section, filters, file: '' } : null);

  function draw() {
    if (!overview) return root.replaceChildren(html`<p class="empty">${say('admin.loading')}</p>`);
    const { today, in_flight: flying, rejected, trash, taken, disk, quotas } = overview;
    const wanted = only(html`<div class="start" data-ref="overview"><h2 class="spoken">${say('admin.start')}</h2>
      <ul class="figures">
        ${figure('check', 'today', today.files, to('files', { from: dayOf(new Date()) }), today.files ? bytes(today.bytes, language()) : '')}
        ${figure('up', 'flight', flying, to('flight'))}
        ${figure('stop', 'rejected', rejected.today, to('rejected'), rejected.kept ? say('start.kept', { count: rejected.kept, kept: number(rejected.kept) }) : '')}
        ${figure('trash', 'trash', trash.files, to('trash'))}
        ${taken.files ? figure('down', 'taken', taken.files, to('files', { place: 'taken' })) : ''}
      </ul>
      ${disk || quotas.length ? html`<div class="meters">${disk ? diskMeter(disk) : ''}${quotas.map(quotaMeter)}</div>` : ''}
      ${latest.length ? latestList(latest) : ''}</div>`);
    const before = root.querySelector('.start');
    if (before) patch(before, wanted);
    else root.replaceChildren(wanted);
    for (const bar of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-share]'))) bar.style.transform = `scaleX(${bar.dataset.share})`;
  }

  document.addEventListener('visibilitychange', () => shown && load());
  return {
    /** Counts, though another section is shown. */
    count: load,
    show() { shown = true; draw(); load(); },
    hide() { shown = false; clearTimeout(timer); },
    draw,
    keys: {},
  };
}
