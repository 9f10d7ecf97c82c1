'use strict';
// Loaders and metrics beside bindings/vectors.json; values between layers.

const assert = require('node:assert/strict');
const path = require('node:path');
const test = require('node:test');
const spinel = require('..');
const {root, model, filled, fails, cat, coffee} = require('./support/support');

test('batches are what the preprocessor makes', async () => {
  const preprocess = new spinel.Preprocessor().forInputSize(32, 32);
  const loader = new spinel.DataLoader([{path: cat}, {path: coffee, label: 1}], preprocess, {batchSize: 2});
  const batches = [];
  for await (const batch of loader) batches.push(batch);
  assert.equal(batches.length, 1);
  assert.deepEqual(batches[0].tensor, await preprocess.run([cat, coffee]));
  assert.deepEqual([batches[0].labels, batches[0].paths], [[null, 1], [cat, coffee]]);
  assert.ok(batches[0].preprocessSeconds > 0 && batches[0].waitSeconds >= 0);
});

test('a loader that is left, begun again and released', async () => {
  const {samples} = await spinel.listDataset(path.join(root, 'samples/resnet/images'));
  const loader = new spinel.DataLoader({samples}, new spinel.Preprocessor().forInputSize(32, 32), {batchSize: 5});
  for await (const batch of loader) {
    assert.deepEqual(batch.indices, [0, 1, 2, 3, 4]);
    break;
  }
  const sizes = [];
  for await (const {labels} of loader) sizes.push(labels.length);
  assert.deepEqual(sizes, [5, 5, 2]);
  const next = loader[Symbol.asyncIterator]().next();
  loader.release();
  loader.release();
  assert.equal((await next).value.indices.length, 5);
  await fails(() => loader.ledger, 'released');
  await fails(loader[Symbol.asyncIterator]().next(), 'released');
});

test('misuse of loaders and metrics', async () => {
  const accuracy = new spinel.Accuracy(1);
  for (const misuse of [
    () => new spinel.DataLoader(), () => new spinel.DataLoader([cat]), () => new spinel.DataLoader([{path: cat}], {}),
    () => new spinel.DataLoader([], null, {batch: 2}), () => new spinel.DataLoader([], null, {workers: 'two'}),
    () => new spinel.DataLoader([{path: cat, label: 'cat'}]), () => accuracy.merge({}), () => accuracy.merge(new spinel.Accuracy(2)),
    () => accuracy.add(filled([1, 2]), [null]), () => spinel.difference(filled([1]), [1]), () => spinel.openDataset(3),
  ]) await fails(async () => misuse(), 'invalid_argument');
  assert.equal(accuracy.counts.count, 0);
});

test('sequences and optionals', async () => {
  const engine = await spinel.load(model('values'));
  assert.deepEqual(engine.inputs.map(({kind, element}) => [kind, element && element.dtype]),
      [['sequence', 'float32'], ['tensor', null], ['optional', 'float32']]);
  const tensor = (...values) => spinel.Tensor.from(values);
  const found = await engine.runValues([[tensor(1, 2), tensor(3)], tensor(4), tensor(5)]);
  assert.deepEqual(found, [[tensor(1, 2), tensor(3)], [tensor(1, 2), tensor(3), tensor(4)], tensor(5),
    spinel.Tensor.from([true], [], 'bool')]);
  const {same, longer, maybe} = await engine.runValues({sequence: [], x: tensor(4), optional: null});
  assert.deepEqual([same, longer, maybe], [[], [tensor(4)], null]);
  await fails(engine.runValues([tensor(1), tensor(4), null]), 'invalid_argument');
  await fails(engine.runValues([[3], tensor(4), null]), 'invalid_argument');
  await fails(engine.runValues([[], tensor(4), null], {signal: AbortSignal.abort()}), 'cancelled');
});

test('values between the layers', async () => {
  const engine = await spinel.load(model('reshape'), {inspectable: true});
  const inputs = [spinel.Tensor.from([0, 1], [2]), spinel.Tensor.from([2, 1], [2], 'int64')];
  const listed = engine.layerValues([[2], [2]]);
  const power = listed.find(({name}) => name === 'power');
  assert.deepEqual([power.dtype, power.dims, power.inputs], ['float32', [null, null], ['reshaped']]);
  const {outputs, values} = await engine.inspect(inputs);
  assert.deepEqual(Object.keys(values), listed.map(({name}) => name));
  assert.deepEqual(outputs, await engine.run(inputs));
  await fails(engine.inspect(inputs, {signal: AbortSignal.abort()}), 'cancelled');
  await fails(async () => engine.layerValues([[2]]), 'invalid_argument');
  const texts = await (await spinel.load(model('strings'))).inspect({in: new spinel.Tensor(['a', 'b\0c'])});
  for (const tensor of Object.values(texts.values)) assert.deepEqual(tensor.data, ['a', 'b\0c']);
  const asked = [];
  const replace = (other) => ({replace: (value, {data}) => (asked.push([value.name, data.length]), other)});
  const replaced = await engine.inspect(inputs, {values: ['reshaped', 'power'], ...replace({data: Float64Array.of(Math.E, 1), dims: [2, 1]})});
  assert.ok(Math.abs(replaced.outputs[0].data[0] - 1) < 1e-6);
  assert.deepEqual([asked, replaced.values.power.data], [[['power', 2]], values.power.data]);
  assert.deepEqual((await engine.inspect(inputs, replace())).outputs, outputs);
  await fails(engine.inspect(inputs, replace({data: Float32Array.of(1), dims: [1]})), 'invalid_argument', /power/);
  await fails(engine.inspect(inputs, replace(5)), 'invalid_argument', /what replaces 'power' must be a tensor/);
  await assert.rejects(engine.inspect(inputs, {replace: () => { throw new RangeError('mine'); }}), /RangeError: mine/);
  const sequence = await spinel.load(model('sequence'));
  assert.deepEqual([...sequence.inputs, ...sequence.outputs].map(({kind}) => kind), ['sequence', 'tensor', 'tensor']);
});
