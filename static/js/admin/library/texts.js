/** Texts of the lists of files and uploads, of the start page and of the trash. */
import { learn } from '../../words.js';

await learn((tag) => import(`./words.${tag}.js`));
