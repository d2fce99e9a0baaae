/**
 * The upload page: creates and connects its parts, and draws everything around the rows.
 *
 * @typedef {import('./entry.js').Entry} Entry
 */
import { announcer } from './announce.js';
import { UploadList } from './upload-list.js';
import { makeClient } from './client.js';
import { lineTrouble, note, reason } from './describe.js';
import { canDigest } from './digest.js';
import { arranger } from './arrange.js';
import { guardLeaving, wakeLock } from './keep-awake.js';
import { early, wireChoice } from './file-choice.js';
import { forgetOldHandles } from './file-handles.js';
import { ref, setText } from './html.js';
import { leftOutLine, leftOutWords } from './left-out.js';
import { arranged, isClearable, needsAttention } from './queue.js';
import { forgetLink, refresh, refreshFirst, refreshForEver, shareLink } from './resume.js';
import { base, secret } from './place.js';
import { makeRow } from './row.js';
import { senderField } from './sender-name.js';
import { ENDS, isActive, isSignedOut, isUnsent, may } from './upload.js';
import { makeVisitor } from './visitor.js';
import { languageSwitch, say } from './words.js';

const TICK_MS = 500;
const DRAW_WITHIN_MS = 60;
const LOOK_AROUND_MS = 5000;
/** Delay of modules that are not needed for choosing files. */
const LATER_MS = 1500;
const AGAIN_MS = 5000;

const client = makeClient(base, () => {
  visitor.deny();
  drawSoon();
}, secret);
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const part = (/** @type {string} */ name) => ref(document, name);
const list = part('rows');
const announce = announcer(part('live'));
const keepAwake = wakeLock();
const pageTitle = /** @type {HTMLElement} */ (document.querySelector('title'));
const leftOut = leftOutLine(part, () => {
  drawAround();
  part('choose').focus();
});
const visitor = makeVisitor(part, client, announce, {
  signedIn() {
    worker.postMessage({ do: 'try_all' });
    lookForUploads();
  },
  changed() {
    board.start();
    drawSoon();
  },
});
const arrange = arranger(list, /** @type {HTMLDetailsElement} */ (part('finished')), part('finished-rows'), part('finished-count'));

/** @type {Map<string, ReturnType<typeof makeRow>>} */
const rows = new Map();
/** opens the picker for the file of an upload */
let chooseAgain = (/** @type {string} */ _key) => {};
let wasGone = false;
/** the timer of `drawSoon`; 0 while there is none */
let drawing = 0;
/** @type {ReturnType<typeof import('./queue-heading.js').queueHeading> | null} */
let heading = null;
let headingAsked = false;
/** when it is known who visits the page */
let known = Promise.resolve();
/** @type {ReturnType<typeof import('./sent-uploads.js').sentList> | null} */
let sent = null;

const board = new UploadList(client, worker, {
  details: () => ({ sender: naming.name(), ...visitor.details() }), mayStart: visitor.mayStart, changed, removed, reordered,
  leftOut: (names) => {
    leftOut.add(names);
    drawAround();
  },
});
const naming = senderField(part, client, () => board.entries);

/** @param {Entry} entry */
function openRow(entry) {
  const { key } = entry.upload;
  const row = makeRow(entry, {
    act: (action) => {
      if (action === 'dismiss') forgetLink(entry.upload.id);
      board.act(key, action);
    },
    choose: () => chooseAgain(key),
    asNew: () => board.asNew(key),
    limits: () => board.limits,
    isNext: (one) => board.uploads.find((upload) => upload.state === 'queued')?.key === one,
    tags: (tags) => board.tags(key, tags),
    cover: (picture) => board.cover(key, picture),
    share: () => shareLink(base, /** @type {string} */ (board.entry(key).upload.id), announce),
  });
  rows.get(key)?.element.replaceWith(row.element);
  if (!rows.has(key)) list.append(row.element);
  rows.set(key, row);
  return row;
}

/** @param {Entry} entry @param {string} event */
function changed(entry, event) {
  const { upload } = entry;
  const row = rows.get(upload.key) ?? openRow(entry);
  row.update(entry);
  if (event === 'tags') row.details.say(upload.id ? 'saving' : '');
  if (event === 'cover_saved') row.details.cover(entry.uncovered);
  if (event === 'tags_saved') row.details.saved(entry.saved);
  if (event === 'created' || event === 'enter') naming.begun();
  if (event === 'created' || ENDS.has(upload.state)) visitor.used();
  if (event === 'spooled') announce(say('say.ready', { name: upload.filename }));
  if (event === 'rejected' || event === 'refused') {
    announce(say('say.rejected', { name: upload.filename, reason: reason(upload.problem, upload.findings) }));
  }
  if (event === 'mismatch' || event === 'lost_file') announce(say('say.note', { name: upload.filename, note: note(upload) }));
  if (event !== 'progress') drawSoon();
}

function reordered() {
  for (const [key, entry] of board.entries) (rows.get(key) ?? openRow(entry)).update(entry);
  drawOrder();
}

function drawOrder() {
  const order = arranged(board.uploads);
  arrange(order, (key) => (rows.get(key) ?? openRow(board.entry(key))).element, say('sum.finished', { count: order.folded.length }));
}

/** @param {string} key */
function removed(key) {
  const row = rows.get(key);
  const next = /** @type {HTMLElement | null} */ (row?.element.nextElementSibling ?? row?.element.previousElementSibling);
  const hadFocus = row?.element.contains(document.activeElement);
  row?.element.remove();
  rows.delete(key);
  drawAround();
  if (hadFocus) /** @type {HTMLElement} */ (next?.querySelector('.actions button') ?? part('choose')).focus();
}

/** @param {File[]} files */
async function take(files) {
  const ready = refreshFirst(client, board, known);
  const before = leftOut.names.length;
  const entries = board.add(files);
  announce([entries.length ? say('say.added', { count: entries.length }) : '', leftOutWords(leftOut.names.slice(before))].filter(Boolean).join(' '));
  rows.get(entries[0]?.upload.key)?.element.scrollIntoView({ block: 'nearest' });
  visitor.chose();
  await ready;
}

/** A folder of hundreds changes hundreds of rows at once; their summary is drawn once. */
function drawSoon() {
  drawing ||= setTimeout(() => {
    drawing = 0;
    drawAround();
  }, DRAW_WITHIN_MS);
}

/** Draws the banner, the heading, and the left-out files. */
function drawAround() {
  const { uploads } = board;
  const line = lineTrouble(uploads, Date.now());
  const busy = rows.size > 0 || leftOut.names.length > 0;
  document.body.classList.toggle('busy', busy);
  part('files').hidden = !busy;
  leftOut.draw();
  drawOrder();
  visitor.draw(visitor.shutOut || uploads.some(isSignedOut));
  part('line').hidden = !line;
  if (line) {
    setText(part('line-what'), say(navigator.onLine ? 'line.server' : 'line.gone'));
    setText(part('line-again'), line.seconds > 0 ? say('line.again', { seconds: line.seconds }) : say('line.now'));
  }
  if (Boolean(line) !== wasGone) announce(say(line ? 'say.offline' : 'say.online'));
  wasGone = Boolean(line);

  if (rows.size > 0) loadHeading();
  const { words = '', station = '' } = pageTitle.dataset;
  heading?.draw(uploads, Boolean(line), say(words, { station }));
  part('pause-all').hidden = !uploads.some(isActive);
  part('resume-all').hidden = !uploads.some((upload) => may(upload, 'resume'));
  part('clear').hidden = leftOut.names.length === 0 && !uploads.some(isClearable);
  keepAwake(uploads.some(isActive));
}

/** Loads the heading, with the first row at the latest. */
async function loadHeading() {
  if (headingAsked) return;
  headingAsked = true;
  try {
    const { queueHeading } = await import('./queue-heading.js');
    heading = queueHeading(part, announce, () => sent?.refresh());
    drawAround();
  } catch {
    setTimeout(() => { headingAsked = false; }, AGAIN_MS);
  }
}

function clear() {
  leftOut.clear();
  for (const upload of board.uploads) if (isClearable(upload)) board.remove(upload.key);
  drawAround();
}

function showAttention() {
  const row = rows.get(board.uploads.find(needsAttention)?.key ?? '');
  row?.element.scrollIntoView({ block: 'center' });
  /** @type {HTMLElement | null | undefined} */
  const button = row?.element.querySelector('.actions button');
  button?.focus();
}

async function listSent() {
  const { sentList } = await import('./sent-uploads.js');
  sent = sentList(client, base, /** @type {HTMLDetailsElement} */ (part('sent-uploads')));
}

/** @param {string} event @param {string} action */
function actOnAll(event, action) {
  for (const upload of board.uploads) if (isUnsent(upload) && may(upload, event)) board.act(upload.key, action);
}

function wire() {
  chooseAgain = wireChoice(part, take, (key, file) => {
    if (may(board.entry(key).upload, 'pick')) board.choose(key, file);
  });
  part('pause-all').addEventListener('click', () => actOnAll('pause', 'pause'));
  part('resume-all').addEventListener('click', () => actOnAll('resume', 'resume'));
  part('clear').addEventListener('click', clear);
  part('attention').addEventListener('click', showAttention);
  part('line-try').addEventListener('click', () => worker.postMessage({ do: 'try_all' }));
  addEventListener('offline', () => worker.postMessage({ do: 'doubt' }));
  addEventListener('online', () => worker.postMessage({ do: 'try_all' }));
  worker.addEventListener('message', ({ data }) => board.hear(data.key, data.event, data.facts));
  guardLeaving(() => board.unsent);
}

/** Updates countdowns, and uploads that another tab has taken over or released. */
function keepTime() {
  setInterval(() => {
    for (const entry of board.entries.values()) {
      if (entry.upload.until !== null || ['sending', 'queued'].includes(entry.upload.state)) rows.get(entry.upload.key)?.update(entry);
    }
    drawAround();
  }, TICK_MS);
  setInterval(() => {
    const curious = board.uploads.some((upload) => upload.state === 'needs_file' || upload.state === 'elsewhere');
    if ((curious || visitor.shutOut) && document.visibilityState === 'visible') refresh(client, board).then(letIn, () => undefined);
  }, LOOK_AROUND_MS);
}

function lookForUploads() {
  refreshForEver(client, board, (failed, found) => {
    if (!failed) letIn();
    part('list-failed').hidden = !failed || visitor.shutOut || visitor.isOver;
    part('link-failed').hidden = found;
  });
}

/** The server responded with the list: this browser may upload. */
function letIn() {
  visitor.allow();
  drawAround();
}

function begin() {
  worker.postMessage({ do: 'base', base, secret });
  wire();
  languageSwitch(() => {
    for (const entry of board.entries.values()) openRow(entry);
    drawAround();
    sent?.draw();
    visitor.relabel();
  });
  part('plain-http').hidden = canDigest;
  document.documentElement.classList.add('js', 'ready');
  known = visitor.begin();
  lookForUploads();
  addEventListener('hashchange', lookForUploads);
  forgetOldHandles();
  keepTime();
  setTimeout(() => {
    loadHeading();
    listSent().catch(() => undefined);
  }, LATER_MS);
}

// A user may be filling in the plain form after a timeout: it stays.
if (!early.touched) begin();
