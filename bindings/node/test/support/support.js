'use strict';
// What the tests share. The models are those of tests/capi/make_models.py, in SPINEL_BINARY_DIR or the checkout's build/.

const assert = require('node:assert/strict');
const {spawnSync} = require('node:child_process');
const path = require('node:path');
const {Worker} = require('node:worker_threads');
const spinel = require('../..');

const root = process.env.SPINEL_SOURCE_DIR || path.join(__dirname, '../../../..');
const build = process.env.SPINEL_BINARY_DIR || path.join(root, 'build');

const model = (name) => path.join(build, 'tests/capi/models', `${name}.onnx`);
const filled = (dims, value = 1) =>
  new spinel.Tensor(new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(value), dims);

/** That work, a promise or a function, fails with a SpinelError of the code. */
async function fails(work, code, saying = /./) {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    assert.ok(error instanceof spinel.SpinelError, String(error.stack));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, saying);
    return error;
  }
  return assert.fail(`nothing failed; ${code} was expected`);
}

// What programs begin with. `add` makes an operator for the model addModel.
const prologue = `
  const spinel = require(${JSON.stringify(path.join(__dirname, '../..'))});
  const two = ${JSON.stringify(model('two'))}, slow = ${JSON.stringify(model('slow'))};
  const reshape = ${JSON.stringify(model('reshape'))}, endless = ${JSON.stringify(model('endless_load'))};
  const filled = (rows, columns) => new spinel.Tensor(new Float32Array(rows * columns).fill(1), [rows, columns]);
  const long = () => [filled(65536, 384)];
  const addModel = ${JSON.stringify(path.join(root, 'samples/custom_op/add.onnx'))};
  const add = (compute) => new spinel.CustomOp('custom', 'Add', compute,
      {inputs: ['x', 'y'], outputs: ['sum', 'difference'], attributes: {alpha: 'float'}});`;

/** What a program does, and how it ends: [status, signal, stdout, stderr]. */
function child(program) {
  const done = spawnSync(process.execPath, ['-e', `${prologue} (async () => { ${program} })();`], {encoding: 'utf8', timeout: 60000});
  return [done.status, done.signal, done.stdout, done.stderr];
}

/** A worker that runs a program, which has parentPort. */
function worker(program) {
  return new Worker(`const {parentPort} = require('node:worker_threads'); ${prologue} (async () => { ${program} })();`, {eval: true});
}

module.exports = {
  root, build, model, filled, fails, child, worker,
  addModel: path.join(root, 'samples/custom_op/add.onnx'),
  fashion: path.join(root, 'samples/resnet/resnet_fashion.onnx'),
  synset: path.join(root, 'samples/resnet/synset.txt'),
  cat: path.join(root, 'samples/photos/cat.png'),
  coffee: path.join(root, 'samples/photos/coffee.jpg'),
};
