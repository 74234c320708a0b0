// Runs an ONNX file in ONNX Runtime, graph optimizations disabled, and writes what went in and what came out as .npy.
//
//   NODE_PATH=.../node_modules node reference.cjs MODEL OUTDIR [--shape NAME=1,3,224,224]... [--axis N=1]... [--range LO,HI] [--bytes]
//                                               [--input NAME=FILE.npy]... [--seed 1]
//
// Inputs are uniform in LO..HI (default -1..1; --bytes: whole numbers in it) from a seeded generator, of codes all their values. --axis gives a free axis its length by
// its name, --shape all lengths of an input. Free axes that nothing names: the first is 1, others are refused.
// OUTDIR/manifest.tsv has a line for each tensor: input|output, name, file, type, shape. float16 is written as float32, which holds it exactly.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');

const types = {
  float32: ['<f4', Float32Array], float64: ['<f8', Float64Array], uint8: ['|u1', Uint8Array], int8: ['|i1', Int8Array], bool: ['|b1', Uint8Array],
  uint16: ['<u2', Uint16Array], int16: ['<i2', Int16Array], int32: ['<i4', Int32Array], uint32: ['<u4', Uint32Array],
  int64: ['<i8', BigInt64Array], uint64: ['<u8', BigUint64Array],
};

function halfToFloat(h) {
  const sign = h & 0x8000 ? -1 : 1, e = (h >> 10) & 31, m = h & 1023;
  if (e === 0) return sign * m * 2 ** -24;
  if (e === 31) return m ? NaN : sign * Infinity;
  return sign * (1 + m / 1024) * 2 ** (e - 15);
}
/// The nearest float16, ties to even.
function floatToHalf(x) {
  const sign = x < 0 ? 0x8000 : 0, a = Math.abs(x);
  if (a === 0) return sign;
  const e = Math.max(Math.floor(Math.log2(a)), -14), step = 2 ** (e - 10);
  let q = a / step;
  const floor = Math.floor(q), rest = q - floor;
  q = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  return sign | (e === -14 && q < 1024 ? q : ((e + 15) << 10) + (q - 1024));
}

function writeNpy(file, type, shape, data) {
  const [descr] = types[type];
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(header.length, 8);
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(header, 'latin1'), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}
function readNpy(file) {
  const bytes = fs.readFileSync(file);
  const wide = bytes[6] > 1, start = wide ? 12 : 10;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', start, start + length);
  const descr = /'descr': *'([^']*)'/.exec(header)[1];
  if (/'fortran_order': *True/.test(header)) throw new Error(`${file}: column-major`);
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].split(',').filter((s) => s.trim()).map(Number);
  const [type, [, Type]] = Object.entries(types).find(([, [d]]) => d === descr);
  return { type, shape, data: new Type(bytes.buffer.slice(bytes.byteOffset + start + length, bytes.byteOffset + bytes.length)) };
}

/// splitmix64's upper 24 bits as a number in [0, 1).
function generator(seed) {
  let state = BigInt(seed);
  const mask = (1n << 64n) - 1n;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((z ^ (z >> 31n)) >> 40n) / 2 ** 24;
  };
}

async function main() {
  const [model, out, ...rest] = process.argv.slice(2);
  const o = { shape: {}, axis: {}, input: {}, range: [-1, 1], bytes: false, seed: 1 };
  for (let i = 0; i < rest.length; ++i) {
    const split = (s) => [s.slice(0, s.lastIndexOf('=')), s.slice(s.lastIndexOf('=') + 1)];
    if (rest[i] === '--bytes') o.bytes = true;
    else if (rest[i] === '--range') o.range = rest[++i].split(',').map(Number);
    else if (rest[i] === '--seed') o.seed = rest[++i];
    else if (['--shape', '--axis', '--input'].includes(rest[i])) {
      const kind = rest[i].slice(2), [name, value] = split(rest[++i]);
      o[kind][name] = kind === 'shape' ? value.split(',').map(Number) : kind === 'axis' ? Number(value) : value;
    } else throw new Error(`unknown argument ${rest[i]}`);
  }
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3, intraOpNumThreads: 1, interOpNumThreads: 1 });
  const random = generator(o.seed);
  fs.mkdirSync(out, { recursive: true });
  const manifest = [];
  const write = (kind, name, type, shape, data) => {
    const file = `${kind}.${name.replace(/[%/]/g, (c) => (c === '%' ? '%25' : '%2F'))}.npy`;
    if (type === 'float16') [type, data] = ['float32', Float32Array.from(data, halfToFloat)];
    writeNpy(path.join(out, file), type, shape, data);
    manifest.push([kind, name, file, type, shape.join(',')].join('\t'));
    return data;
  };
  const feeds = {};
  for (const { name, type, shape } of session.inputMetadata) {
    if (o.input[name]) {
      const given = readNpy(o.input[name]);
      feeds[name] = new ort.Tensor(given.type, given.data, given.shape);
    } else {
      const lengths = o.shape[name] || shape.map((n, axis) => {
        if (typeof n === 'number' && n > 0) return n;
        if (o.axis[n] !== undefined) return o.axis[n];
        if (axis === 0) return 1;
        throw new Error(`input ${name}: axis ${axis} (${n}) is free; give --axis ${n}=LENGTH`);
      });
      const count = lengths.reduce((a, b) => a * b, 1);
      const [lo, hi] = o.range;
      let data;
      if (type === 'float32' || type === 'float16' || type === 'float64') {
        const value = () => (o.bytes ? lo + Math.floor(random() * (hi - lo + 1)) : lo + random() * (hi - lo));
        data = type === 'float16' ? Uint16Array.from({ length: count }, () => floatToHalf(value())) : types[type][1].from({ length: count }, value);
      } else if (type === 'uint8' || type === 'int8') {
        data = types[type][1].from({ length: count }, () => Math.floor(random() * 256) - (type === 'int8' ? 128 : 0));
      } else throw new Error(`input ${name} is ${type}; give --input`);
      feeds[name] = new ort.Tensor(type, data, lengths);
    }
    const t = feeds[name];
    write('input', name, t.type, t.dims, t.data);
  }
  const results = await session.run(feeds);
  const told = [];
  for (const name of session.outputNames) {
    const t = results[name];
    const data = write('output', name, t.type, t.dims, t.data);
    let largest = 0, strange = 0;
    for (const v of data) {
      const a = Math.abs(Number(v));
      if (!Number.isFinite(a)) ++strange;
      else largest = Math.max(largest, a);
    }
    told.push(`${name} ${t.type}[${t.dims}] max ${largest.toPrecision(4)}${strange ? ` NOT FINITE ${strange}` : ''}`);
  }
  fs.writeFileSync(path.join(out, 'manifest.tsv'), manifest.join('\n') + '\n');
  console.log(told.join('; '));
}

main().then(() => process.exit(0), (error) => {
  console.log('FAILED: ' + String(error.message).replace(/\s+/g, ' ').slice(0, 300));
  process.exit(1);
});
