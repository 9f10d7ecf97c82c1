'use strict';
// Simplifying and converting ONNX files.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const {pathToFileURL} = require('node:url');
const spinel = require('..');
const {model, fails} = require('./support/support');

function outPath(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spinel-'));
  t.after(() => fs.rmSync(folder, {recursive: true}));
  return path.join(folder, 'out.onnx');
}

test('a model is simplified', async (t) => {
  const out = outPath(t);
  const report = await spinel.simplifyModel(model('tools'), pathToFileURL(out), {inputShapes: {x: [4, -1]}});
  assert.deepEqual([report.operatorsBefore.Identity, report.operatorsAfter.Identity], [1, undefined]);
  assert.deepEqual([report.files, report.checkRuns, report.checkSkipped], [[out], 3, '']);
  assert.ok(Object.values(report.changes).some((places) => places > 0) && report.maxDifference < 1e-5 && report.bytesBefore > 0);
  const engine = await spinel.load(out);
  assert.deepEqual(engine.inputs[0].dims, [4, 2]);
  const x = new spinel.Tensor(Float32Array.of(1, -1, 1, -1, 1, -1, 1, -1), [4, 2]);
  assert.deepEqual(engine.runSync([x])[0].data, spinel.loadSync(model('tools')).runSync([x])[0].data);
  const unchanged = await spinel.simplifyModel(model('tools'), out,
      {skipSteps: spinel.simplifySteps(), maxFoldedBytes: 0, check: {runs: 0}});
  assert.deepEqual([unchanged.checkRuns, unchanged.operatorsAfter], [0, report.operatorsBefore]);
});

test('a model is converted', async (t) => {
  const out = outPath(t);
  const report = await spinel.convertModel(model('tools'), out,
      {keepInputs: ['x'], externalData: true, check: {tolerance: 2, inputShapes: {x: [2, 2]}}});
  assert.deepEqual(report.clamped, [{name: 'large', elements: 2, clamped: 1, flushed: 1}]);
  assert.deepEqual([report.convertedTensors, report.checkRuns], [3, 1]);
  assert.equal(spinel.loadSync(out).inputs[0].dtype, 'float32');
  const kept = await spinel.convertModel(model('tools'), out, {keepOps: ['Mul'], keepIoTypes: true});
  assert.deepEqual(kept.kept, ['scale (Mul)']);
  assert.ok(spinel.float16KeepList().includes('Range'));
});

test('misuse of the tools', async (t) => {
  const out = outPath(t);
  for (const [options, code, saying] of [
    [{skipSteps: ['none']}, 'not_found', /none/], [{inputShapes: {none: [1]}}, 'not_found', /none/],
    [{limits: {maxNodes: 1}}, 'limit_exceeded'], [{limits: {nodes: 1}}, 'invalid_argument', /'nodes'/],
    [{check: {times: 1}}, 'invalid_argument', /no option 'times'/], [{keepOps: []}, 'invalid_argument', /no option 'keepOps'/],
    [{maxFoldedBytes: -1}, 'invalid_argument', /negative/], [{skipSteps: 'all'}, 'invalid_argument', /skipSteps must be an array/],
    [{check: {required: true}}, 'unsupported', /cannot be checked/], [{customOps: ['/none.so']}, 'not_found'],
  ]) {
    const from = code === 'unsupported' ? model('unknown') : model('tools');
    await fails(spinel.simplifyModel(from, out, options), code, saying);
  }
  await fails(spinel.convertModel('/none.onnx', out), 'not_found');
  await fails(spinel.convertModel(model('tools')), 'invalid_argument', /path to write to/);
  assert.ok(!fs.existsSync(out));
});
