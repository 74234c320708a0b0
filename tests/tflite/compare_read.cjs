// Runs TFLite's own kernels, in Node, on TFLite files and compares them with what dump_read_tflite computes of the same files.
//
//   node compare_read.cjs DUMP_READ_TFLITE OUT_FOLDER FILE...
//
// Needed: the npm package @tensorflow/tfjs-tflite, where NODE_PATH finds it. Each file runs whole, and each of its operators alone on the inputs
// that the network gave it, so that a difference is that operator's and not handed down. Exit code 0: all codes of whole files are equal, and
// reals within 1e-4 of the largest; 1: not so; 77: the package is not there.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { wasmFolder, openTfjs, howToInstall } = require('./runtimes.cjs');

/// A table of a flatbuffer.
class Table {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
    this.fields = at - bytes.readInt32LE(at);
  }
  place(field) {
    const slot = 4 + 2 * field;
    const offset = slot < this.bytes.readUInt16LE(this.fields) ? this.bytes.readUInt16LE(this.fields + slot) : 0;
    return offset ? this.at + offset : 0;
  }
  number(field, fallback = 0) { const at = this.place(field); return at ? this.bytes.readInt32LE(at) : fallback; }
  byte(field) { const at = this.place(field); return at ? this.bytes.readInt8(at) : 0; }
  target(field) { const at = this.place(field); return at ? at + this.bytes.readUInt32LE(at) : 0; }
  /// The places of a row's elements of 4 bytes.
  row(field) {
    const at = this.target(field);
    return at ? Array.from({ length: this.bytes.readUInt32LE(at) }, (_, i) => at + 4 + 4 * i) : [];
  }
  numbers(field) { return this.row(field).map((at) => this.bytes.readInt32LE(at)); }
  tables(field) { return this.row(field).map((at) => new Table(this.bytes, at + this.bytes.readUInt32LE(at))); }
  text(field) {
    const at = this.target(field);
    return at ? this.bytes.toString('utf8', at + 4, at + 4 + this.bytes.readUInt32LE(at)) : '';
  }
}

const INT8 = 9;
const FLOAT32 = 0;

class Model {
  constructor(bytes) {
    this.bytes = bytes;
    this.root = new Table(bytes, bytes.readUInt32LE(0));
    this.graph = this.root.tables(2)[0];
    this.buffers = this.root.tables(4);
    this.tensors = this.graph.tables(0).map((t) => ({
      at: t.at, name: t.text(3), type: t.byte(1), constant: this.buffers[t.number(2)] && this.buffers[t.number(2)].target(0) !== 0 }));
    const codes = this.root.tables(1).map((c) => ({ code: Math.max(c.byte(0), c.number(3)), custom: c.text(1) }));
    this.operators = this.graph.tables(3).map((o) => ({ at: o.at, inputs: o.numbers(1), outputs: o.numbers(2), ...codes[o.number(0)] }));
    this.inputs = this.graph.numbers(1);
    this.outputs = this.graph.numbers(2);
    this.giver = new Map();
    this.operators.forEach((o) => o.outputs.forEach((t) => this.giver.set(t, o)));
  }
  /// Whether a tensor depends on no input.
  isKnown(t) {
    if (this.tensors[t].constant) return true;
    const o = this.giver.get(t);
    return o !== undefined && o.inputs.every((i) => i === -1 || this.isKnown(i));
  }
  /// The operators that make constants of constants for this one.
  preparation(o) {
    return o.inputs.filter((t) => t !== -1 && !this.tensors[t].constant && this.isKnown(t))
      .flatMap((t) => [...this.preparation(this.giver.get(t)), this.giver.get(t)]);
  }

  /// A file of some of the operators, with other inputs and outputs. In front of the old file, whose parts it refers to, stands a new graph. One
  /// more operator, FILL, has an output whose shape only the run tells, so that TFLite runs its own kernels: no delegate takes such a graph.
  part(operators, inputs, outputs) {
    let head = Buffer.alloc(0);
    const old = [];  // places that refer to the old file
    const take = (bytes) => {
      const at = head.length;
      head = Buffer.concat([head, bytes, Buffer.alloc((4 - bytes.length % 4) % 4)]);
      return at;
    };
    const numbers = (values) => Buffer.from(Int32Array.from(values).buffer);
    const link = (from, to) => head.writeUInt32LE(to - from, from);
    /// fields: [number of the field, value, or a function that writes what it refers to].
    const table = (fields) => {
      const last = Math.max(...fields.map(([n]) => n));
      const slots = new Uint16Array(last + 3);
      slots[0] = 2 * slots.length;
      slots[1] = 4 + 4 * fields.length;
      fields.forEach(([n], i) => { slots[n + 2] = 4 + 4 * i; });
      const vtable = take(Buffer.from(slots.buffer));
      const at = take(Buffer.alloc(4 + 4 * fields.length));
      head.writeInt32LE(at - vtable, at);
      fields.forEach(([, value], i) => {
        if (typeof value === 'function') link(at + 4 + 4 * i, value());
        else head.writeInt32LE(value, at + 4 + 4 * i);
      });
      return at;
    };
    const row = (values) => () => take(numbers([values.length, ...values]));
    /// Tables of the old file by their places, then new ones.
    const tables = (places, added) => () => {
      const at = take(numbers([places.length + added.length, ...places, ...added.map(() => 0)]));
      places.forEach((p, i) => old.push([at + 4 + 4 * i, p]));
      added.forEach((make, i) => link(at + 4 + 4 * (places.length + i), make()));
      return at;
    };
    const name = (text) => () => take(Buffer.concat([numbers([text.length]), Buffer.from(`${text}\0`)]));
    const count = this.tensors.length;
    const int32 = 2;
    const tensor = (shape, buffer, label) => () => table([[0, row(shape)], [1, int32], [2, buffer], [3, name(label)]]);
    const codes = this.root.tables(1).map((c) => c.at);
    const graph = () => table([
      [0, tables(this.tensors.map((t) => t.at), [tensor([1], 0, 'dims'), tensor([], this.buffers.length, 'value'), tensor([], 0, 'filled')])],
      [1, row([...inputs, count])], [2, row(outputs)],
      [3, tables(operators.map((o) => o.at), [() => table([[0, codes.length], [1, row([count, count + 1])], [2, row([count + 2])]])])]]);
    take(Buffer.from('\0\0\0\0TFL3', 'latin1'));
    link(0, table([
      [0, 3], [1, tables(codes, [() => table([[0, 94], [3, 94]])])], [2, tables([], [graph])],
      [4, tables(this.buffers.map((b) => b.at), [() => table([[0, () => take(numbers([4, 7]))]])])]]));
    const base = Math.ceil(head.length / 16) * 16;
    head = Buffer.concat([head, Buffer.alloc(base - head.length)]);
    for (const [from, to] of old) head.writeUInt32LE(base + to - from, from);
    return Buffer.concat([head, this.bytes]);
  }
}

/// Codes that differ, or the largest difference of reals over the largest of them.
function difference(ours, theirs, type) {
  if (type !== FLOAT32) {
    if (ours.length !== theirs.length) throw new Error(`${theirs.length} codes, expected ${ours.length}`);
    const flip = type === INT8 ? 128 : 0;
    const d = { codes: ours.length, by1: 0, more: 0 };
    for (let i = 0; i < ours.length; ++i) {
      const by = Math.abs((ours[i] ^ flip) - (theirs[i] ^ flip));
      if (by === 1) ++d.by1;
      else if (by > 1) ++d.more;
    }
    return d;
  }
  const a = new Float32Array(ours.buffer, ours.byteOffset, ours.length / 4);
  const b = new Float32Array(new Uint8Array(theirs).buffer);
  if (a.length !== b.length) throw new Error(`${b.length} reals, expected ${a.length}`);
  let worst = 0;
  let largest = 1e-30;
  for (let i = 0; i < a.length; ++i) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= worst)) worst = d;
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return { relative: worst / largest };
}
const isGood = (d) => (d.codes === undefined ? d.relative <= 1e-4 : d.by1 + d.more === 0);
const text = (d) => {
  if (d.codes === undefined) return `reals within ${d.relative.toExponential(1)}`;
  if (isGood(d)) return `${d.codes} codes equal`;
  return `${d.codes} codes, ${d.by1} off by one (${(100 * d.by1 / d.codes).toPrecision(2)} %), ${d.more} by more`;
};

async function compare(open, program, folder, file) {
  fs.rmSync(folder, { recursive: true, force: true });
  try {
    execFileSync(program, ['--out', folder, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    console.log(`${path.basename(file)}: REFUSED ${String(error.stderr).trim()}`);
    return true;
  }
  const model = new Model(fs.readFileSync(file));
  const nodes = JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8')).nodes;
  const idOf = new Map(nodes.map((n, id) => [n.name, id]));
  /// What the network gives for a tensor, in its type.
  const values = (t) => {
    const id = idOf.get(model.tensors[t].name);
    if (id === undefined) return undefined;
    const bytes = fs.readFileSync(path.join(folder, `${id}.bin`));
    return nodes[id].codes && model.tensors[t].type === INT8 ? bytes.map((b) => b ^ 128) : bytes;
  };
  const dims = Buffer.from([1, 0, 0, 0]);
  /// The difference of one tensor, computed by these operators from these inputs.
  const run = async (operators, inputs, t) => {
    const runner = await open(model.part(operators, inputs, [t]));
    try {
      return difference(values(t), runner.run([...inputs.map(values), dims]), model.tensors[t].type);
    } finally {
      runner.close();
    }
  };

  console.log(path.basename(file));
  let good = true;
  for (const t of model.outputs) {
    try {
      const d = await run(model.operators, model.inputs, t);
      good = good && isGood(d);
      console.log(`  ${isGood(d) ? '      ' : 'DIFFER'} whole, '${model.tensors[t].name}': ${text(d)}`);
    } catch (error) {
      console.log(`  NOT RUN whole, '${model.tensors[t].name}': ${error.message}`);
    }
  }
  const rows = new Map();
  for (const o of model.operators) {
    const inputs = [...new Set(o.inputs.filter((t) => t !== -1 && !model.isKnown(t)))];
    if (inputs.length === 0) continue;
    for (const t of o.outputs) {
      const id = idOf.get(model.tensors[t].name);
      if (id === undefined || inputs.some((i) => values(i) === undefined)) continue;
      const key = `${o.custom || nodes[id].operator} (${o.code})${nodes[id].float && nodes[id].codes ? ', in float' : ''}`;
      const row = rows.get(key) || rows.set(key, []).get(key);
      try {
        row.push(await run([...model.preparation(o), o], inputs, t));
      } catch (error) {
        row.push({ error: error.message });
      }
    }
  }
  for (const [key, all] of rows) {
    const reals = all.filter((d) => d.relative !== undefined);
    const codes = all.filter((d) => d.codes !== undefined);
    const failed = all.filter((d) => d.error !== undefined);
    const sum = (part) => codes.reduce((n, d) => n + d[part], 0);
    if (codes.length) console.log(`    ${key}: ${text({ codes: sum('codes'), by1: sum('by1'), more: sum('more') })}`);
    if (reals.length) console.log(`    ${key}: ${text({ relative: Math.max(...reals.map((d) => d.relative)) })}`);
    if (failed.length) console.log(`    ${key}: ${failed.length} not run: ${failed[0].error}`);
  }
  return good;
}

async function main() {
  const [program, folder, ...files] = process.argv.slice(2);
  const tfjs = wasmFolder('@tensorflow/tfjs-tflite');
  if (!tfjs) {
    console.log(howToInstall);
    return 77;
  }
  const open = await openTfjs(tfjs);
  let failures = 0;
  for (const file of files) if (!(await compare(open, program, folder, file))) ++failures;
  console.log(failures === 0 ? 'all as the docs say' : `${failures} files differ`);
  return failures === 0 ? 0 : 1;
}

main().then((code) => process.exit(code), (error) => {
  console.error(error);
  process.exit(1);
});
