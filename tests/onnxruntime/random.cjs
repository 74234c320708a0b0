// Runs in ONNX Runtime, graph optimizations disabled, the networks that random_networks drew, and compares.
//
//   node random.cjs RANDOM_NETWORKS FOLDER KIND COUNT SEED
//
// KIND is float, qdq, qoperator or written (random_networks.cpp). Reals are equal within 1e-4 of their largest, codes exactly. What differs is
// explained by
//   a tie      the codes that it is made of are equal, and the number that was rounded, in steps, lies within 0.01 of a tie; or it is none, as 0 / 0; or
//              a step is below 1e-6 and shows what rounding leaves of sums that are 0
//   behind it  a value that depends on codes that differ
//   rounding   ONNX Runtime's own result moves as far where inputs move by 1e-6 of their size
// Each network that is left, with what differs, is printed, and refusals by reason. Exit code 1: something is left, or more than a
// tenth of the networks were refused; 77: no onnxruntime-node.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

let ort;
try {
  ort = require('onnxruntime-node');
} catch (e) {
  console.log(`SKIPPED: onnxruntime-node cannot be loaded (${String(e.message).split('\n')[0]})`);
  process.exit(77);
}
const types = { 1: ['float32', Float32Array], 2: ['uint8', Uint8Array], 3: ['int8', Int8Array] };
const tie = 0.01, noise = 1e-6;

function feeds(line, numbers, move = (x) => x) {
  const result = {};
  for (const { name, type, dims, at } of line.inputs) {
    const [typeName, Type] = types[type], count = dims.reduce((a, b) => a * b, 1);
    const data = Type.from(numbers.subarray(at, at + count));
    result[name] = new ort.Tensor(typeName, type === 1 ? data.map(move) : data, dims);
  }
  return result;
}
function largest(data) {
  let m = 0;
  for (const v of data) m = Math.max(m, Math.abs(Number(v)));
  return m;
}
/// The largest difference relative to the largest of b; the same infinities and what is no number count as equal.
function difference(a, b) {
  let d = 0;
  for (let i = 0; i < a.length; ++i) {
    const x = Number(a[i]), y = Number(b[i]);
    if (Object.is(x, y) || x === y) continue;
    const own = Math.abs(x - y);
    d = Number.isNaN(own) ? Infinity : Math.max(d, own);
  }
  return d === 0 ? 0 : d / (largest(b) || 1);
}
/// Codes that differ: how many, of them at ties.
function codesThatDiffer(own, theirs, reals, scale) {
  let different = 0, ties = 0, worst = '';
  for (let i = 0; i < own.length; ++i) {
    if (Math.round(own[i]) === Number(theirs[i])) continue;
    ++different;
    const steps = reals ? reals[i] / scale : NaN, off = Math.abs(Math.abs(steps - Math.floor(steps)) - 0.5);
    if ((off < tie && Math.abs(own[i] - Number(theirs[i])) <= 1) || (reals && !Number.isFinite(reals[i])) || scale < noise) ++ties;
    else worst ||= `[${i}] ${own[i]}, ONNX Runtime ${theirs[i]} of ${steps.toFixed(4)} steps`;
  }
  return { different, ties, worst };
}
/// The reason without names and numbers of the single file.
function reason(text) {
  return text.replace(/^.*?read_onnx: model: /, '').replace(/node '[^']*' /, '').replace(/'[^']*'/g, "'...'").replace(/[\d.]+(e-?\d+)?/g, '#').replace(/(#[, x]*)+/g, '# ').slice(0, 150);
}

async function compare(line, folder, numbers) {
  const file = path.join(folder, line.file);
  const options = { graphOptimizationLevel: 'disabled', logSeverityLevel: 4, intraOpNumThreads: 1, interOpNumThreads: 1 };
  let session, got;
  try {
    session = await ort.InferenceSession.create(file, options);
    got = await session.run(feeds(line, numbers));
  } catch (e) {
    return { verdict: 'refused by ONNX Runtime', text: String(e.message).replace(/\s+/g, ' ').slice(0, 220) };
  }
  if (line.fault) return { verdict: 'FAULT', text: line.fault };
  if (line.refusal) return { verdict: 'refused here', text: line.refusal };
  const differs = [], own = {};
  let verdict = 'equal', text = '';
  const wrong = (what) => {
    verdict = 'DIFFERS';
    text ||= what;
  };
  const explained = (by) => {
    if (verdict !== 'DIFFERS') verdict = verdict === 'equal' || verdict === by ? by : 'equal but at ties';
  };
  for (const [i, v] of line.values.entries()) {
    const theirs = got[v.name];
    if (v.at === undefined) {
      wrong(`${v.name} is no output here`);
      continue;
    }
    const count = v.dims.reduce((a, b) => a * b, 1), ours = numbers.subarray(v.at, v.at + count);
    if (theirs.dims.join() !== v.dims.join()) {
      wrong(`${v.name}: dims ${v.dims}, ONNX Runtime ${theirs.dims}`);
      continue;
    }
    const behind = v.behind.some((k) => differs[k]);
    if (theirs.type !== 'float32' || v.real) {
      // Of 16 bits: the reals that the codes stand for.
      const codes = theirs.type !== 'float32' ? (x) => x : (x) => Float64Array.from(x, (y) => Math.round(y / v.scale));
      const r = codesThatDiffer(codes(ours), codes(theirs.data), v.real && got[v.real].data, v.scale);
      differs[i] = r.different > 0 || behind;
      if (r.different === 0) continue;
      if (v.op && !behind) own[v.op] = (own[v.op] || 0) + r.different;
      if (behind || r.ties === r.different) explained('equal but at ties');
      else wrong(`${v.name} ${v.op || ''} ${r.different} of ${count} codes, ${r.ties} of them at ties; ${r.worst}`);
    } else {
      const d = difference(ours, theirs.data);
      if (d <= 1e-4) continue;
      if (behind) explained('equal but at ties');
      else {
        let sign = 1;
        const moved = await session.run(feeds(line, numbers, (x) => x * (1 + (sign = -sign) * 1e-6)));
        if (difference(moved[v.name].data, theirs.data) > d / 5) explained('equal but for rounding');
        else wrong(`${v.name} ${d.toExponential(2)} of the largest, ${largest(theirs.data).toPrecision(3)}`);
      }
    }
  }
  await session.release();
  return { verdict, text, own };
}

async function main() {
  const [program, folder, kind, count, seed] = process.argv.slice(2);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const step = 250, verdicts = {}, reasons = {}, theirReasons = {}, operators = {};
  for (let first = +seed; first < +seed + +count; first += step) {
    const here = path.join(folder, String(first));
    fs.mkdirSync(here);
    execFileSync(program, [kind, here, String(Math.min(step, +seed + +count - first)), String(first)], { stdio: 'inherit' });
    const bytes = fs.readFileSync(path.join(here, 'numbers'));
    const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    for (const text of fs.readFileSync(path.join(here, 'list.json'), 'utf8').trim().split('\n')) {
      const line = JSON.parse(text);
      const what = line.file && fs.existsSync(path.join(here, line.file)) ? await compare(line, here, numbers) : { verdict: 'refused here', text: line.refusal };
      const form = kind === 'written' ? line.file.replace(/^\d+\.|\.onnx$/g, '') || 'none' : '';
      (verdicts[form] ??= {})[what.verdict] = (verdicts[form][what.verdict] || 0) + 1;
      for (const [op, n] of Object.entries(what.own || {})) ((operators[form] ??= {})[op] ??= 0), (operators[form][op] += n);
      const count = (list, key) => ((list[key] ??= { count: 0, seed: line.seed }).count += 1);
      if (what.verdict === 'refused here') count(reasons, reason(what.text));
      else if (what.verdict === 'refused by ONNX Runtime') count(theirReasons, reason(what.text));
      else if (what.verdict === 'DIFFERS' || what.verdict === 'FAULT') console.log(`${kind} ${form} seed ${line.seed}: ${what.verdict} ${what.text}`);
    }
    if (!process.env.RANDOM_KEEP) fs.rmSync(here, { recursive: true });
  }
  const table = (title, list) => {
    const rows = Object.entries(list).sort((a, b) => b[1].count - a[1].count);
    if (rows.length) console.log(`${title}:`);
    for (const [text, { count, seed }] of rows) console.log(`  ${count}  ${text} (seed ${seed})`);
  };
  table('refused here', reasons);
  table('refused by ONNX Runtime', theirReasons);
  let bad = false;
  for (const [form, list] of Object.entries(verdicts)) {
    console.log(`${kind} ${form} ${count} networks from seed ${seed}: ` + Object.entries(list).sort().map(([k, n]) => `${n} ${k}`).join(', '));
    if (operators[form]) console.log('  codes that differ though all before them are equal: ' + Object.entries(operators[form]).map(([op, n]) => `${op} ${n}`).join(', '));
    bad ||= 'DIFFERS' in list || 'FAULT' in list;
    const refused = (list['refused here'] || 0) + (list['refused by ONNX Runtime'] || 0);
    if (refused > count / 10) console.log(`  ${refused} refused: more than a tenth`);
    bad ||= refused > count / 10;
  }
  process.exit(bad ? 1 : 0);
}
main();
