/** Texts of the audit trail, which the history of a file uses too. */
import { learn } from '../../words.js';

await learn((tag) => import(`./words.${tag}.js`));
