// Runs in ONNX Runtime what dump_codes wrote, and compares final codes with Int8Network's. For the traced pictures it also counts, by operator,
// the codes that differ although all codes the node read are equal: the operator's own differences, not those it was handed.
//
//   node compare_codes.cjs DUMP_CODES OUT_FOLDER SHARED_DATA PICTURES [FORM:LEVEL[:MODEL]...]
//
// FORM is qdq or qoperator, LEVEL a graph optimization level of ONNX Runtime; both forms at disabled and all where none is given. MODEL is a
// part of the file's name, as in qdq:all:mobilenet_v2_1.0_224.vector_asymmetric; all files where none is given.
// Exit code 0: every code of the QOperator form is equal; 1: not; 77: onnxruntime-node is not there.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

let ort;
try {
  ort = require('onnxruntime-node');
} catch (e) {
  console.log(`SKIPPED: onnxruntime-node cannot be loaded (${String(e.message).split('\n')[0]}).
To compare with ONNX Runtime: npm install --ignore-scripts --prefix DIR onnxruntime-node
and run again with NODE_PATH=DIR/node_modules in the environment.`);
  process.exit(77);
}

function typed(file, Type) {
  const bytes = fs.readFileSync(file);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/// Picture i of an entry as N C H W.
function picture(folder, input, i, cache) {
  const [h, w, c] = input.extent;
  const size = h * w * c;
  const source = cache(input.pictures || input.reals, input.pictures ? Uint8Array : Float32Array);
  const table = input.table && cache(input.table, Float32Array);
  const x = new Float32Array(size);
  for (let p = 0; p < h * w; ++p)
    for (let k = 0; k < c; ++k) {
      const v = source[i * size + p * c + k];
      x[k * h * w + p] = table ? table[k * 256 + v] : v;
    }
  return new ort.Tensor('float32', x, [1, c, h, w]);
}

/// N C H W to the order of Int8Network.
function channelsLast(data, extent) {
  if (extent.length !== 3) return data;
  const [h, w, c] = extent;
  const y = new Uint8Array(data.length);
  for (let p = 0; p < h * w; ++p) for (let k = 0; k < c; ++k) y[p * c + k] = data[k * h * w + p];
  return y;
}

function difference(a, b) {
  let count = 0;
  let largest = 0;
  for (let i = 0; i < a.length; ++i)
    if (a[i] !== b[i]) {
      ++count;
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
  return { count, largest };
}

async function finalCodes(entry, level, folder, cache) {
  const session = await ort.InferenceSession.create(path.join(folder, entry.model + '.onnx'), { graphOptimizationLevel: level, logSeverityLevel: 3 });
  const expected = cache(entry.codes, Uint8Array);
  const classes = expected.length / entry.count;
  const result = { pictures: 0, codes: 0, largest: 0, top1: 0 };
  for (let i = 0; i < entry.count; ++i) {
    const reals = (await session.run({ input: picture(folder, entry.input, i, cache) })).logits.data;
    const codes = new Uint8Array(classes);
    for (let k = 0; k < classes; ++k) codes[k] = Math.round(reals[k] / entry.scale) + entry.zero_point;
    const ours = expected.subarray(i * classes, (i + 1) * classes);
    const { count, largest } = difference(codes, ours);
    result.codes += count;
    result.largest = Math.max(result.largest, largest);
    if (count === 0) ++result.pictures;
    if (codes.indexOf(Math.max(...codes)) === ours.indexOf(Math.max(...ours))) ++result.top1;
  }
  await session.release();
  return result;
}

/// By operator: codes compared, of them different with equal inputs, and by how much at most.
async function ownDifferences(entry, level, folder, cache) {
  const session = await ort.InferenceSession.create(path.join(folder, entry.model + '.traced.onnx'), { graphOptimizationLevel: level, logSeverityLevel: 3 });
  const all = cache(entry.all, Uint8Array);
  const result = {};
  let at = 0;
  for (let i = 0; i < entry.trace; ++i) {
    const outputs = await session.run({ input: picture(folder, entry.input, i, cache) });
    const equal = [];
    for (const node of entry.nodes) {
      const size = node.extent.reduce((a, b) => a * b, 1);
      const ours = all.subarray(at, at + size);
      at += size;
      if (!node.output) {
        equal.push(node.inputs.every((k) => equal[k]));
        continue;
      }
      const { count, largest } = difference(channelsLast(outputs[node.output].data, node.extent), ours);
      equal.push(count === 0);
      if (!node.inputs.every((k) => equal[k])) continue;
      const sum = (result[node.operator] ||= { compared: 0, different: 0, largest: 0 });
      sum.compared += size;
      sum.different += count;
      sum.largest = Math.max(sum.largest, largest);
    }
  }
  await session.release();
  return result;
}

async function main() {
  const [program, folder, data, pictures, ...runs] = process.argv.slice(2);
  if (runs.length === 0) runs.push('qdq:disabled', 'qdq:all', 'qoperator:disabled', 'qoperator:all');
  fs.rmSync(folder, { recursive: true, force: true });
  execFileSync(program, [folder, data, pictures], { stdio: 'inherit' });
  const loaded = {};
  const cache = (name, Type) => (loaded[name] ||= typed(path.join(folder, name), Type));
  console.log(`ONNX Runtime ${ort.env.versions.node}`);
  let failures = 0;
  for (const entry of JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8')))
    for (const [, level] of runs.map((r) => r.split(':')).filter(([form, , model]) => form === entry.form && entry.model.includes(model || ''))) {
      const r = await finalCodes(entry, level, folder, cache);
      const total = cache(entry.codes, Uint8Array).length;
      const good = entry.form !== 'qoperator' || r.codes === 0;
      if (!good) ++failures;
      console.log(`${good ? 'ok    ' : 'FAILED'} ${entry.network.padEnd(20)} ${entry.mode.padEnd(17)} ${entry.form.padEnd(9)} ${level.padEnd(8)} ` +
                  `${r.pictures} of ${entry.count} pictures equal; ${r.codes} of ${total} codes differ, by ${r.largest} at most; top-1 equal ${r.top1}`);
      const own = await ownDifferences(entry, level, folder, cache);
      for (const [operator, o] of Object.entries(own))
        if (o.different > 0) console.log(`         ${operator}: ${o.different} of ${o.compared} codes of its own differ, by ${o.largest} at most`);
    }
  return failures === 0 ? 0 : 1;
}

main().then((code) => process.exit(code), (error) => {
  console.error(error);
  process.exit(1);
});
