'use strict';
// Images to tensors, tensors to labels.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const {pathToFileURL} = require('node:url');
const spinel = require('..');
const {root, cat, coffee, fashion, synset, fails} = require('./support/support');

const {Preprocessor, Tensor} = spinel;

test('every kind of source gives the same', async () => {
  const preprocess = new Preprocessor();
  const bytes = fs.readFileSync(cat);
  const pixels = await spinel.decodeImage(cat);
  assert.deepEqual([pixels.dtype, pixels.dims.length, pixels.dims[2]], ['uint8', 3, 3]);
  assert.deepEqual(spinel.decodeImageSync(bytes), pixels);
  const rows = await preprocess.run([cat, pathToFileURL(cat), bytes, new Uint8Array(bytes).buffer, pixels]);
  assert.deepEqual([rows.dims, rows.dtype], [[5, 3, 224, 224], 'float32']);
  const [one] = [preprocess.runSync(cat)];
  assert.deepEqual(one.dims, [1, 3, 224, 224]);
  for (let i = 0; i < 5; ++i) assert.deepEqual(rows.data.subarray(i * one.data.length, (i + 1) * one.data.length), one.data);
  // The crop's first pixel by hand: an image that is neither resized nor cropped.
  const small = new Tensor(Uint8Array.of(255, 0, 51, 0, 255, 102), [1, 2, 3]);
  const plain = new Preprocessor('imagenet', {resize: 0, crop: [1, 2], mean: [0, 0, 0.5], std: [1, 1, 2]});
  const found = Array.from(plain.runSync(small).data);
  [1, 0, 0, 1, -0.15, -0.05].forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-6, `${found}`));
});

test('what cannot be used is named, and the others go on', async () => {
  const preprocess = new Preprocessor('imagenet', {crop: 32, resize: 36});
  const {tensor, indices, rejected} = await preprocess.batch([cat, synset, '/none.png', coffee]);
  assert.deepEqual([tensor.dims, indices], [[2, 3, 32, 32], [0, 3]]);
  assert.deepEqual(rejected.map(({index, source, error}) => [index, source, error.code]),
      [[1, synset, 'bad_data'], [2, '/none.png', 'not_found']]);
  assert.deepEqual(tensor, await preprocess.run([cat, coffee]));
  assert.deepEqual((await preprocess.batch([])).tensor.dims, [0, 3, 32, 32]);
  assert.deepEqual((await preprocess.batch([cat])).rejected, []);
  await fails(preprocess.run([cat, synset]), 'bad_data', /synset/);
  await fails(() => preprocess.runSync(synset), 'bad_data', /synset/);
  await fails(spinel.decodeImage(synset), 'bad_data');
  for (const wrong of [new Tensor(new Float32Array(12), [2, 2, 3]), new Tensor(new Uint8Array(12), [2, 6]),
    {data: new Uint8Array(11), dims: [2, 2, 3]}, 5, null, undefined]) await fails(preprocess.run(wrong), 'invalid_argument');
});

test('options', async () => {
  const lite = new Preprocessor('efficientnet-lite');
  assert.ok(spinel.presetNames().includes('efficientnet-lite'));
  assert.notDeepEqual(lite.runSync(cat), new Preprocessor().runSync(cat));
  assert.deepEqual(new Preprocessor('imagenet', {file: path.join(root, 'samples/photos/preprocess.json')}).dims, [3, 224, 224]);
  const half = new Preprocessor('imagenet', {dtype: 'float16', crop: 8, resize: 8});
  assert.deepEqual([half.dtype, half.runSync(cat).data.constructor], ['float16', Uint16Array]);
  const engine = await spinel.load(fashion);
  assert.deepEqual(new Preprocessor().forInputSize(32, 32).forEngine(engine).dims, [3, 32, 32]);
  for (const [preset, options, saying] of [['none', {}, /none/], ['imagenet', {interpolation: 'area'}, /bilinear/],
    ['imagenet', {mean: [1]}, /mean/], ['imagenet', {crop: [1, 2, 3]}, /crop/], ['imagenet', {size: 3}, /'size'/]]) {
    await fails(() => new Preprocessor(preset, options), 'invalid_argument', saying);
  }
  await fails(() => new Preprocessor('imagenet', {maxImagePixels: 10}).runSync(cat), 'limit_exceeded');
  await fails(() => new Preprocessor().forEngine({}), 'invalid_argument');
});

test('options may change while images are being read', async () => {
  const preprocess = new Preprocessor('imagenet', {maxImagePixels: 1e9});
  const first = preprocess.run([cat, coffee]);
  preprocess.forInputSize(32, 32);
  assert.deepEqual((await first).dims, [2, 3, 224, 224]);
  assert.deepEqual((await preprocess.run(cat)).dims, [1, 3, 32, 32]);
});

test('top-k, softmax and labels', async () => {
  const scores = new Tensor(Float32Array.of(0, 1, 2, 5, 5, 1), [2, 3]);
  assert.deepEqual(spinel.topK(scores, 2, {softmax: false}),
      [[{index: 2, score: 2}, {index: 1, score: 1}], [{index: 0, score: 5}, {index: 1, score: 5}]]);
  const [[best]] = spinel.topK(scores, 1, {labels: ['a', 'b', 'c']});
  assert.deepEqual([best.label, best.score.toFixed(4)], ['c', '0.6652']);
  assert.equal(spinel.topK(scores, 9)[0].length, 3);
  assert.deepEqual(spinel.topK(new Tensor(Float32Array.of(1, 3)), 1, {softmax: false}), [[{index: 1, score: 3}]]);
  assert.equal(spinel.topK(Tensor.from([1, 3], [1, 2], 'float16'), 1)[0][0].index, 1);
  assert.deepEqual(spinel.topK(new Tensor(new Float32Array(0), [0, 3]), 2), []);
  const sum = spinel.softmax(scores).data.subarray(0, 3).reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum - 1) < 1e-6);
  await fails(() => spinel.topK(scores, 1, {labels: ['a', 'b']}), 'invalid_argument', /2 labels for 3/);
  await fails(() => spinel.topK(scores, 0), 'invalid_argument');
  await fails(() => spinel.topK(new Tensor(Float32Array.of(NaN, 1), [1, 2])), 'bad_data');
  await fails(() => spinel.topK(Tensor.from([1], [1], 'int32')), 'invalid_argument');
  const labels = spinel.loadLabels(pathToFileURL(synset), 10);
  assert.deepEqual([labels.length, labels[9]], [10, 'Ankle boot']);
  await fails(() => spinel.loadLabels(synset, 3), 'bad_data', /3/);
  await fails(() => spinel.loadLabels('/none'), 'not_found');
});
