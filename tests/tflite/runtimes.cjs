// TFLite's runtimes for the web, in Node: what compare.cjs and compare_read.cjs have in common.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

/// The folder of a package's WebAssembly files, or null.
function wasmFolder(name) {
  for (const root of (process.env.NODE_PATH || '').split(path.delimiter).concat(path.join(process.cwd(), 'node_modules'))) {
    const folder = path.join(root, name, 'wasm');
    if (root && fs.existsSync(folder)) return folder;
  }
  return null;
}

/// An emscripten module's factory, as a page would have it after its script.
function factory(folder, file, name, processObject) {
  const script = fs.readFileSync(path.join(folder, `${file}.js`), 'utf8');
  const wrap = vm.runInThisContext(`(function (process, require, __filename, __dirname) {
    var module, exports, define;\n${script}\nreturn ${name};\n})`);
  const silent = { print: () => {}, printErr: () => {} };
  return wrap(processObject, require, path.join(folder, `${file}.js`), folder)({
    wasmBinary: fs.readFileSync(path.join(folder, `${file}.wasm`)), ...silent });
}

function list(vector) {
  return Array.from({ length: vector.size() }, (_, i) => vector.get(i));
}

/// @tensorflow/tfjs-tflite: open(bytes) gives run(inputs), which gives the first output's bytes.
async function openTfjs(folder) {
  const module = await factory(folder, 'tflite_web_api_cc_simd', 'tflite_web_api_ModuleFactory', undefined);
  return async (bytes) => {
    const at = module._malloc(bytes.length);
    module.HEAPU8.set(bytes, at);
    const created = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(at, bytes.length,
      { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 1024 });
    if (!created.ok()) throw new Error(created.errorMessage());
    const runner = created.value();
    return {
      run(inputs) {
        const targets = list(runner.GetInputs());
        inputs.forEach((input, i) => {
          const to = targets[i].data();
          new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(input);
        });
        if (!runner.Infer()) throw new Error('Infer failed');
        const from = list(runner.GetOutputs())[0].data();
        return Buffer.from(new Uint8Array(from.buffer, from.byteOffset, from.byteLength));
      },
      close() {
        runner.delete();
        module._free(at);
      },
    };
  };
}

/// @litertjs/core, the build without relaxed SIMD, which Node has behind a flag only.
async function openLiteRt(folder) {
  globalThis.self = globalThis;
  const module = await factory(folder, 'litert_wasm_compat_internal', 'ModuleFactory', process);
  const environment = module.LiteRtEnvironment.create(null);
  return async (bytes) => {
    const at = module._malloc(bytes.length);
    module.HEAPU8.set(bytes, at);
    const model = module.loadModel(environment, at, bytes.length);
    const compiled = await module.compileModel(environment, model, { accelerator: 'wasm' });
    const host = module.LiteRtTensorBufferType.HOST_MEMORY;
    return {
      async run(inputs) {
        const buffers = inputs.map((input, i) => {
          const type = model.getInputTensorType(0, i);
          const buffer = module.LiteRtTensorBuffer.createManaged(environment, host, type, input.length);
          module.HEAPU8.set(input, buffer.lock(module.LiteRtTensorBufferLockMode.WRITE));
          buffer.unlock();
          type.delete();
          return buffer;
        });
        const outputs = await compiled.run(0, buffers);
        const size = outputs[0].packedSize();
        const from = outputs[0].lock(module.LiteRtTensorBufferLockMode.READ);
        const result = Buffer.from(module.HEAPU8.slice(from, from + size));
        outputs[0].unlock();
        buffers.concat(outputs).forEach((b) => b.delete());
        return result;
      },
      close() {
        compiled.delete();
        model.delete();
        module._free(at);
      },
    };
  };
}

/// What is to be installed, for those who have it not.
const howToInstall = `SKIPPED: @tensorflow/tfjs-tflite is not in NODE_PATH. To compare with TFLite's runtime:
npm install --ignore-scripts --prefix DIR @tensorflow/tfjs-tflite @tensorflow/tfjs-core@4.9.0 @litertjs/core
and run again with NODE_PATH=DIR/node_modules in the environment.`;

module.exports = { wasmFolder, openTfjs, openLiteRt, howToInstall };
