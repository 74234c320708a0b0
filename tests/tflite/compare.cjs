// Runs TFLite's runtimes for the web, in Node, on what dump_tflite wrote, and compares their codes with Int8Network's.
//
//   node compare.cjs DUMP_TFLITE OUT_FOLDER SHARED_DATA PICTURES [NETWORK...]
//
// Needed: the npm package @tensorflow/tfjs-tflite, where NODE_PATH finds it; @litertjs/core is run too where it is there. Exit code 0: what has to be
// equal is, and no operator is off by more than 1; 1: not so; 77: the package is not there.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { wasmFolder, openTfjs, openLiteRt, howToInstall } = require('./runtimes.cjs');

class Differences {
  constructor() {
    this.codes = 0;
    this.by1 = 0;
    this.more = 0;
  }
  /// Bytes of int8 codes lie as far apart as those of uint8 ones once 128 is added.
  add(ours, theirs, int8) {
    if (ours.length !== theirs.length) throw new Error(`${theirs.length} codes, expected ${ours.length}`);
    const flip = int8 ? 128 : 0;
    this.codes += ours.length;
    for (let i = 0; i < ours.length; ++i) {
      if (ours[i] === theirs[i]) continue;
      if (Math.abs((ours[i] ^ flip) - (theirs[i] ^ flip)) === 1) ++this.by1;
      else ++this.more;
    }
  }
  get equal() { return this.by1 + this.more === 0; }
  text() {
    const share = (n) => (this.codes ? (100 * n / this.codes).toPrecision(3) : '0');
    return this.equal ? `${this.codes} codes equal` : `${this.codes} codes, ${this.by1} off by one (${share(this.by1)} %), ${this.more} by more`;
  }
}

function argmax(codes, int8) {
  const flip = int8 ? 128 : 0;
  let best = 0;
  for (let i = 1; i < codes.length; ++i) if ((codes[i] ^ flip) > (codes[best] ^ flip)) best = i;
  return best;
}

/// What the docs say is exact: TFLite's own kernels in fixed point; XNNPACK with float32 multipliers, but for sums of two, for the QUANTIZE before
/// MAXIMUM, MINIMUM and CONCATENATION, and for TRANSPOSE_CONV, which it does not take.
function hasToBeEqual(runtime, entry, operator) {
  if (runtime.own) return entry.fixed_point;
  return !entry.fixed_point && !['Add', 'Max', 'Min', 'Concat', 'ConvTranspose2d', 'whole'].includes(operator);
}

async function compare(runtime, entry, folder) {
  const file = (name) => path.join(folder, name);
  const suffix = runtime.own ? '.own.tflite' : '.tflite';
  const dims = Buffer.from([1, 0, 0, 0]);
  const rows = new Map();
  const row = (operator) => rows.get(operator) || rows.set(operator, new Differences()).get(operator);

  const whole = await runtime.open(fs.readFileSync(file(entry.name + suffix)));
  const inputs = fs.readFileSync(file(`${entry.name}.inputs.bin`));
  const outputs = fs.readFileSync(file(`${entry.name}.outputs.bin`));
  const inSize = inputs.length / entry.pictures;
  const outSize = outputs.length / entry.pictures;
  let sameTop = 0;
  for (let p = 0; p < entry.pictures; ++p) {
    const given = [inputs.subarray(p * inSize, (p + 1) * inSize)].concat(runtime.own ? [dims] : []);
    const theirs = await whole.run(given);
    const ours = outputs.subarray(p * outSize, (p + 1) * outSize);
    row('whole').add(ours, theirs, entry.int8);
    sameTop += argmax(ours, entry.int8) === argmax(theirs, entry.int8);
  }
  whole.close();

  const codes = new Map();
  const codesOf = (id) => codes.get(id) || codes.set(id, fs.readFileSync(file(`${entry.name}.${id}.bin`))).get(id);
  for (const node of entry.nodes) {
    const model = await runtime.open(fs.readFileSync(file(`${entry.name}.${node.id}${suffix}`)));
    const of = (id, p) => codesOf(id).subarray(p * codesOf(id).length / entry.alone, (p + 1) * codesOf(id).length / entry.alone);
    for (let p = 0; p < entry.alone; ++p)
      row(node.operator).add(of(node.id, p), await model.run(node.inputs.map((i) => of(i, p)).concat(runtime.own ? [dims] : [])), entry.int8);
    model.close();
  }

  let good = true;
  console.log(`${entry.name}, ${runtime.name}: top-1 equal on ${sameTop} of ${entry.pictures} pictures`);
  for (const [operator, d] of rows) {
    const fine = hasToBeEqual(runtime, entry, operator) ? d.equal : operator === 'whole' || d.more === 0;
    good = good && fine;
    console.log(`  ${fine ? '      ' : 'FAILED'} ${operator.padEnd(18)} ${d.text()}`);
  }
  return good;
}

async function main() {
  const [program, folder, ...rest] = process.argv.slice(2);
  const tfjs = wasmFolder('@tensorflow/tfjs-tflite');
  const liteRt = wasmFolder('@litertjs/core');
  if (!tfjs) {
    console.log(howToInstall);
    return 77;
  }
  fs.rmSync(folder, { recursive: true, force: true });
  execFileSync(program, [folder, ...rest], { stdio: 'inherit' });
  const open = await openTfjs(tfjs);
  const runtimes = [{ name: "tfjs-tflite, TFLite's own kernels", own: true, open }, { name: 'tfjs-tflite, XNNPACK', own: false, open }];
  if (liteRt) runtimes.push({ name: 'LiteRT, XNNPACK', own: false, open: await openLiteRt(liteRt) });
  else console.log('SKIPPED: @litertjs/core is not in NODE_PATH');
  let failures = 0;
  for (const entry of JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8')))
    for (const runtime of runtimes)
      if (!(await compare(runtime, entry, folder))) ++failures;
  console.log(failures === 0 ? 'all as the docs say' : `${failures} comparisons failed`);
  return failures === 0 ? 0 : 1;
}

main().then((code) => process.exit(code), (error) => {
  console.error(error);
  process.exit(1);
});
