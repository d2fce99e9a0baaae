// node parse_modules.cjs FOLDER NAME…: prints, as JSON, what acorn finds in FOLDER/whole/NAME and FOLDER/bare/NAME.
const { readFileSync } = require('node:fs');
const { posix } = require('node:path');
const { parse } = require('acorn');

const [folder, ...names] = process.argv.slice(2);
const PLACES = new Set(['start', 'end']);
const OPTIONS = { ecmaVersion: 2022, sourceType: 'module' };
const tree = (kind, name) => parse(readFileSync(`${folder}/${kind}/${name}`, 'utf8'), OPTIONS);
// Lines of a template lose their indentation: HTML does not care.
const text = (value) => (typeof value === 'string' ? value.replace(/\n\s*/g, '\n') : value);
const without = (node) => JSON.stringify(node, (key, value) => (PLACES.has(key) ? undefined : text(value)));

function exported(node) {
  if (node.type === 'ExportDefaultDeclaration') return ['default'];
  if (node.type !== 'ExportNamedDeclaration') return [];
  const made = node.declaration?.declarations?.map(({ id }) => id.name) ?? [node.declaration?.id.name];
  return node.declaration ? made : node.specifiers.map((one) => one.exported.name);
}

const found = {};
for (const name of names) {
  const whole = tree('whole', name);
  const imports = whole.body.filter(({ type, source }) => source && type !== 'ExpressionStatement');
  found[name] = {
    same: without(whole) === without(tree('bare', name)),
    imports: imports.map(({ source }) => posix.join(posix.dirname(name), source.value)),
    exports: whole.body.flatMap(exported).sort(),
  };
}
console.log(JSON.stringify(found));
