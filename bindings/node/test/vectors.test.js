'use strict';
// What every binding must do: bindings/vectors.json.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const spinel = require('..');
const {root, model, fails} = require('./support/support');

const vectors = JSON.parse(fs.readFileSync(path.join(root, 'bindings/vectors.json'), 'utf8'));
const known = ['about', 'runs', 'loads', 'images', 'datasets', 'loaders', 'accuracies', 'differences', 'inspections'];

const pathOf = (name) => (name.includes('/') ? path.join(root, name) : model(name));
const rooted = (name) => path.join(root, name);
const labelOf = (label) => (label < 0 ? null : label);
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

/** A promise of its own: what it throws at once is its failure, too. */
const attempt = async (work) => work();

const samplesOf = ({files, labels}) => files.map((file, i) => ({path: rooted(file), label: labelOf(labels[i])}));

for (const entry of vectors.datasets) {
  test(`dataset: ${entry.name}`, async () => {
    const opened = entry.root ? spinel.openDataset(rooted(entry.root)) : entry.folder ? spinel.listDataset(rooted(entry.folder)) :
      {samples: samplesOf(entry), classes: [], notes: []};
    if (entry.error) return failsAs(opened, entry);
    const {samples, classes, notes} = await opened;
    assert.deepEqual([samples.length, classes, notes], [entry.size, entry.classes, []]);
    for (const {index, path: file, label} of entry.samples) {
      assert.deepEqual(samples[index], {path: rooted(file), label: labelOf(label)});
    }
  });
}

for (const entry of vectors.loaders) {
  test(`loader: ${entry.name}`, async () => {
    const make = () => new spinel.DataLoader(samplesOf(entry), null, optionsOf(entry.options));
    if (entry.error) return failsAs(make, entry);
    const loader = make();
    assert.deepEqual([loader.batchCount, loader.sampleCount], [entry.batch_count, entry.ledger.attempted]);
    for (let pass = 0; pass < 2; ++pass) {
      const found = [];
      for await (const {tensor: {dims}, labels, indices, rejected} of loader) {
        assert.deepEqual(dims, [labels.length, 3, 224, 224]);
        found.push({labels, indices, rejected: rejected.map(({index, path: file, error: {code}}) => ({index, path: file, code}))});
      }
      assert.deepEqual(found, entry.batches.map(({labels, indices, rejected}) => ({
        labels: labels.map(labelOf), indices, rejected: rejected.map((each) => ({...each, path: rooted(each.path)}))})));
      assert.deepEqual(loader.ledger, entry.ledger);
    }
    loader.release();
  });
}

for (const entry of vectors.accuracies) {
  test(`accuracy: ${entry.name}`, async () => {
    const counted = attempt(() => {
      const total = new spinel.Accuracy(entry.k);
      for (const {scores, labels} of entry.batches) {
        const part = new spinel.Accuracy(entry.k);
        part.add(tensor(scores), labels);
        total.merge(part);
      }
      return total.counts;
    });
    if (entry.error) return failsAs(counted, entry);
    const {k, count, top1, topk} = await counted;
    assert.deepEqual({k, count, top1, topk}, {k: entry.k, count: entry.count, top1: entry.top1, topk: entry.topk});
  });
}

for (const entry of vectors.differences) {
  test(`difference: ${entry.name}`, async () => {
    const compared = attempt(() => spinel.difference(tensor(entry.actual), tensor(entry.expected), entry.threshold));
    if (entry.error) return failsAs(compared, entry);
    const found = await compared;
    const names = ['count', 'diff2', 'diff3_max', 'diff3_mean', 'abs_max'];
    close(names.map((name) => found[camel(name)]), names.map((name) => entry[name]), 1e-5);
  });
}

for (const entry of vectors.inspections) {
  test(`inspection: ${entry.name}`, async () => {
    const engine = await load(entry);
    const inputs = Object.fromEntries(Object.entries(entry.inputs).map(([name, given]) => [name, tensor(given)]));
    const inspected = engine.inspect(inputs, {values: entry.values});
    if (entry.error) return failsAs(inspected, entry);
    const {outputs, values} = await inspected;
    for (const [found, wanted] of [[outputs, entry.outputs], [values, entry.found]]) {
      assert.deepEqual(Object.keys(found), Object.keys(wanted));
      for (const [name, each] of Object.entries(wanted)) same(found[name], each);
    }
  });
}
