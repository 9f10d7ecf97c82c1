'use strict';
// What every binding must do: bindings/vectors.json.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const spinel = require('..');
const {root, model, fails} = require('./support/support');

const vectors = JSON.parse(fs.readFileSync(path.join(root, 'bindings/vectors.json'), 'utf8'));
const known = ['about', 'runs', 'loads', 'images'];

const pathOf = (name) => (name.includes('/') ? path.join(root, name) : model(name));
const tensor = ({dtype, shape, data}) => spinel.Tensor.from(data, shape, dtype);
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const optionsOf = (options = {}) => Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]));
const load = (entry) => spinel.load(pathOf(entry.model), optionsOf(entry.options));

async function failsAs(work, entry) {
  const error = await fails(work, entry.error);
  assert.ok(error.message.includes(entry.contains ?? ''), error.message);
  if ('node' in entry) assert.equal(error.node, entry.node);
}

function close(found, wanted, tolerance) {
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) <= tolerance * Math.abs(wanted[i]), `${value}, ${wanted[i]}`));
}

function same(found, wanted) {
  assert.deepEqual([found.dtype, found.dims], [wanted.dtype, wanted.shape]);
  const values = found.toArray();
  assert.equal(values.length, wanted.data.length);
  if (wanted.dtype.startsWith('float')) close(values, wanted.data, wanted.dtype === 'float16' ? 1e-3 : 1e-5);
  else assert.deepEqual(values.map((value) => (typeof value === 'bigint' ? Number(value) : value)), wanted.data);
}

test('there are no kinds of cases that this does not run', () => {
  assert.deepEqual(Object.keys(vectors).filter((key) => !known.includes(key)), []);
});

for (const entry of vectors.runs) {
  test(`run: ${entry.name}`, async () => {
    const engine = await load(entry);
    const inputs = Object.fromEntries(Object.entries(entry.inputs).map(([name, given]) => [name, tensor(given)]));
    if (entry.error) {
      await failsAs(engine.run(inputs), entry);
      await failsAs(() => engine.runSync(inputs), entry);
      return;
    }
    const listed = await engine.run(engine.inputs.map(({name}) => inputs[name]));
    const named = Object.fromEntries(engine.outputs.map(({name}, i) => [name, listed[i]]));
    for (const results of [await engine.run(inputs), engine.runSync(inputs), named]) {
      assert.deepEqual(Object.keys(results).sort(), Object.keys(entry.outputs).sort());
      for (const [name, wanted] of Object.entries(entry.outputs)) same(results[name], wanted);
    }
  });
}

for (const entry of vectors.loads) {
  test(`load: ${entry.name}`, async () => {
    await failsAs(load(entry), entry);
    await failsAs(() => spinel.loadSync(pathOf(entry.model), optionsOf(entry.options)), entry);
  });
}

for (const entry of vectors.images) {
  test(`image: ${entry.name}`, async () => {
    const engine = await load(entry);
    const preprocess = new spinel.Preprocessor(entry.preset).forEngine(engine);
    const image = path.join(root, entry.image);
    if (entry.error) return failsAs(preprocess.run(image), entry);
    const labels = spinel.loadLabels(path.join(root, entry.labels));
    const [scores] = await engine.run([await preprocess.run(image)]);
    const [[answer]] = spinel.topK(scores, 1, {labels});
    assert.deepEqual([answer.index, answer.label], [entry.index, entry.label]);
    assert.ok(answer.score > entry.least);
  });
}
