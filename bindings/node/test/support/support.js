'use strict';
// What the tests share. The models are those of tests/capi/make_models.py, in SPINEL_BINARY_DIR or the checkout's build/.

const assert = require('node:assert/strict');
const path = require('node:path');
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

module.exports = {
  root, build, model, filled, fails,
  fashion: path.join(root, 'samples/resnet/resnet_fashion.onnx'),
  synset: path.join(root, 'samples/resnet/synset.txt'),
  cat: path.join(root, 'samples/photos/cat.png'),
  coffee: path.join(root, 'samples/photos/coffee.jpg'),
};
