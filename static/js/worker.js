/**
 * Message handler of the Worker, where timers and network are throttled least when the page is hidden.
 *
 * In: `{do: 'base', base, secret}`, `{do: 'go', key, order}`, `{do: 'pause' | 'try' | 'end', key}`, `{do: 'doubt' | 'try_all'}`.
 * Out: `{key, event, facts}`; events and facts are those of `upload.js`.
 */
import { makeClient } from './client.js';
import { Transfer } from './transfer.js';

/** @type {Map<string, Transfer>} */
const transfers = new Map();
/** @type {import('./client.js').Client} */
let client;

/** @param {import('./transfer.js').Order} order */
function go(order) {
  const { key } = order;
  const known = transfers.get(key);
  if (known) return known.resume();
  const transfer = new Transfer(order, client, (event, facts) => {
    if (transfers.get(key) === transfer) self.postMessage({ key, event, facts });
  });
  transfers.set(key, transfer);
  return transfer.run().finally(() => {
    if (transfers.get(key) === transfer) transfers.delete(key);
  });
}

self.onmessage = ({ data }) => {
  const transfer = transfers.get(data.key);
  if (data.do === 'base') client = makeClient(data.base, undefined, data.secret);
  if (data.do === 'go') go(data.order);
  if (data.do === 'pause') transfer?.pause();
  if (data.do === 'try') transfer?.tryNow();
  if (data.do === 'end') {
    transfers.delete(data.key);
    transfer?.end();
  }
  if (data.do === 'doubt') for (const one of transfers.values()) one.doubt();
  if (data.do === 'try_all') for (const one of transfers.values()) one.tryNow();
};
