import { html, only } from './html.js';

/** The shape alone must show the state, without colour. Drawn on a 20×20 grid with a stroke of 1.6. */
const PATHS = {
  up: 'M10 16V4.5M5 9.5l5-5 5 5',
  top: 'M10 17V6.5M5.5 11L10 6.5l4.5 4.5M4 3.2h12',
  pause: 'M7 4.5v11M13 4.5v11',
  play: 'M6.5 4.2v11.6L16 10z',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 6.2V10l2.6 1.8',
  unplugged: 'M3 3l14 14M2.8 8.2A11 11 0 0 1 6.6 6M10 5a11 11 0 0 1 7.2 3.2M5.6 11.2a7 7 0 0 1 3-1.7M12.8 10.2a7 7 0 0 1 1.6 1M10 15.4v.1',
  file: 'M6 2.8h5.4L15 6.4v10.8H6zM11.2 2.8v3.8H15',
  question: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M8 8.2a2 2 0 1 1 2.8 1.9c-.6.3-.8.6-.8 1.2M10 13.6v.1',
  check: 'M4.2 10.6l3.8 3.8 7.8-8.6',
  cross: 'M5.5 5.5l9 9M14.5 5.5l-9 9',
  stop: 'M7.1 3h5.8L17 7.1v5.8L12.9 17H7.1L3 12.9V7.1zM10 6.4v4.4M10 13.4v.1',
  lens: 'M8.8 3.6a5.2 5.2 0 1 0 0 10.4 5.2 5.2 0 0 0 0-10.4M12.6 12.6l4 4',
  tag: 'M3.4 3.4h6.2l7 7-6.2 6.2-7-7zM6.8 6.7v.1',
  dash: 'M5 10h10',
  again: 'M15.8 8A6.2 6.2 0 1 0 16 11.6M16.2 3.6V8h-4.4',
  pen: 'M3.6 16.4l.8-3.4 8.8-8.8 2.6 2.6L7 15.6z',
  tabs: 'M3.4 6.6h9v9h-9zM7.4 6.4V3.4h9.2v9.2h-4',
  down: 'M10 3.5V14M5.4 9.6L10 14.2l4.6-4.6M4 17h12',
  link: 'M8.4 11.6l3.2-3.2M9.2 6.2l1.9-1.9a3.2 3.2 0 0 1 4.6 4.6l-1.9 1.9M10.8 13.8l-1.9 1.9a3.2 3.2 0 0 1-4.6-4.6l1.9-1.9',
  key: 'M12.6 3.4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M9.8 10.2L3.6 16.4M6 14l2 2',
  trash: 'M3.8 5.4h12.4M8 5.2V3.4h4v1.8M5.4 5.6l.8 11h7.6l.8-11M8.4 8.8v4.6M11.6 8.8v4.6',
  dots: 'M4.6 10v.1M10 10v.1M15.4 10v.1',
  warn: 'M10 3.4L17.6 16.4H2.4zM10 8.2v3.6M10 14v.1',
  sort: 'M6 4v12M3.2 13.2L6 16l2.8-2.8M11 5h6M11 9h4.4M11 13h2.8',
  back: 'M4.4 8A6.2 6.2 0 1 1 4 11.6M3.8 3.6V8h4.4',
};

/**
 * @param {keyof typeof PATHS} name
 * @returns {Element}
 */
export function icon(name) {
  return only(html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="${PATHS[name]}"/></svg>`);
}
