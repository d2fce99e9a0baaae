/** Texts of what pages show of people: signing in, guest links, shows. */
import { learn } from '../words.js';

await learn((tag) => import(`./words.${tag}.js`));
