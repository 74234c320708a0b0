// Runs ONNX Runtime on what dump_logits wrote and compares its outputs with the float executor's.
//
//   node compare.cjs DUMP_LOGITS OUT_FOLDER SHARED_DATA
//
// Exit code 0: all within their tolerance; 1: not; 77: onnxruntime-node is not there.
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

function floats(file) {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/// max |ours - theirs| / max |theirs|; infinite when counts differ or a number is not finite.
function relativeDifference(ours, theirs) {
  if (ours.length !== theirs.length) return Infinity;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < ours.length; ++i) {
    if (!Number.isFinite(ours[i]) || !Number.isFinite(theirs[i])) return Infinity;
    difference = Math.max(difference, Math.abs(ours[i] - theirs[i]));
    largest = Math.max(largest, Math.abs(theirs[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

async function main() {
  const [program, folder, data] = process.argv.slice(2);
  fs.rmSync(folder, { recursive: true, force: true });
  execFileSync(program, [folder, data], { stdio: 'inherit' });
  const entries = JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
  let failures = 0;
  for (const entry of entries) {
    // Unoptimized, so that the reference is the file as it stands.
    const session = await ort.InferenceSession.create(entry.model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
    const input = new ort.Tensor('float32', floats(path.join(folder, entry.input)), entry.extent);
    const results = await session.run({ [session.inputNames[0]]: input });
    const theirs = results[session.outputNames[0]].data;
    const worst = relativeDifference(floats(path.join(folder, entry.output)), theirs);
    const good = worst < entry.tolerance;
    if (!good) ++failures;
    console.log(`${good ? 'ok    ' : 'FAILED'} ${entry.name.padEnd(36)} ${String(theirs.length).padStart(6)} numbers, ` +
                `relative difference ${worst.toExponential(2)} (allowed ${entry.tolerance})`);
  }
  console.log(`${entries.length - failures} of ${entries.length} models agree with ONNX Runtime ${ort.env.versions.node || ''}`);
  return failures === 0 && entries.length > 0 ? 0 : 1;
}

main().then((code) => process.exit(code), (error) => {
  console.error(error);
  process.exit(1);
});
