// Runs the files that dump_folds wrote in ONNX Runtime and compares: integers and bools equal, reals equal except where a function
// of the C library or a sum's order is in them.
//   node compare_folds.cjs DUMP_FOLDS FOLDER ROUNDS SEED
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

let ort;
try {
  ort = require('onnxruntime-node');
} catch (e) {
  console.log('SKIPPED: no npm package onnxruntime-node');
  process.exit(77);
}
const loose = new Set(['Exp', 'Log', 'Pow', 'Sigmoid', 'ReduceSum', 'ReduceMean', 'ReduceProd', 'Range']);
const types = { float: 'float32', double: 'float64' };

async function main() {
  const [program, folder, rounds, seed] = process.argv.slice(2);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  execFileSync(program, [folder, rounds, seed]);
  const counts = {};
  let wrong = 0;
  for (const file of fs.readdirSync(folder).filter(f => f.endsWith('.onnx')).sort()) {
    const op = file.slice(7, -5);
    const count = (counts[op] ??= { equal: 0, wrong: 0, refused: 0 });
    let got;
    try {
      const session = await ort.InferenceSession.create(path.join(folder, file), { logSeverityLevel: 4 });
      got = await session.run({});
    } catch (e) {
      if (count.refused++ < 1) console.log(`${file}: ONNX Runtime refuses: ${String(e.message).split('\n')[0].slice(0, 200)}`);
      continue;
    }
    let good = true;
    for (const line of fs.readFileSync(path.join(folder, file.replace('.onnx', '.txt')), 'utf8').trim().split('\n')) {
      const [name, type, rank, ...rest] = line.split(' ');
      const number = t => (t === 'inf' ? Infinity : t === '-inf' ? -Infinity : Number(t));
      const dims = rest.slice(0, +rank).map(Number), values = rest.slice(+rank).map(number), y = got[name];
      good &&= y.type === (types[type] ?? type) && y.dims.length === dims.length && y.dims.every((d, i) => d === dims[i]) && y.data.length === values.length;
      for (let i = 0; good && i < values.length; ++i) {
        const v = Number(y.data[i]);
        good = v === values[i] || (loose.has(op) && Math.abs(v - values[i]) <= 1e-6 * Math.max(1, Math.abs(v)));
      }
      if (!good) console.log(`${file}: ${line.slice(0, 200)}\n    ONNX Runtime: ${y.type} [${y.dims}] ${Array.from(y.data).slice(0, 20).join(' ')}`);
    }
    good ? ++count.equal : (++count.wrong, ++wrong);
  }
  for (const [op, c] of Object.entries(counts).sort()) console.log(`${op}: ${c.equal} equal, ${c.wrong} wrong, ${c.refused} refused by ONNX Runtime`);
  process.exit(wrong ? 1 : 0);
}
main();
