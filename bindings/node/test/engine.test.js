'use strict';
// Engines: describing, inputs and outputs, options, reports, misuse.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const {pathToFileURL} = require('node:url');
const spinel = require('..');
const {root, build, fashion, model, filled, fails} = require('./support/support');

const {Tensor} = spinel;
const row = () => filled([1, 3]);

test('both kinds of modules are the same', async () => {
  const {default: whole, ...names} = await import('../index.mjs');
  assert.equal(whole, spinel);
  assert.deepEqual(names, {...spinel});
  assert.match(spinel.version, /^\d+\.\d+\.\d+$/);
  assert.equal(spinel.availableTargets()[0], 'cpu');
});

test('an engine describes itself', async () => {
  const engine = await spinel.load(model('two'));
  assert.deepEqual(engine.inputs[0],
      {name: 'x', kind: 'tensor', element: null, dtype: 'float32', dims: [null, 3], dimNames: ['batch', ''], batchAxis: 0});
  assert.deepEqual(engine.outputs.map(({name}) => name), ['sum', 'product']);
  assert.deepEqual([engine.target, engine.computeDtype, engine.splittable], ['cpu', 'float32', true]);
  assert.throws(() => engine.inputs.push(1), TypeError);
  assert.throws(() => new spinel.Engine(), {code: 'invalid_argument'});
});

test('inputs by name and in order; what does not belong is named', async () => {
  const engine = await spinel.load(model('two'));
  const [x, y] = [filled([2, 3], 3), filled([2, 3], 4)];
  assert.deepEqual((await engine.run({y, x})).product.data, filled([2, 3], 12).data);
  assert.deepEqual(engine.runSync([x, y])[0].data, filled([2, 3], 7).data);
  await fails(engine.run({x}), 'invalid_argument', /given are x, those of the model x, y/);
  await fails(engine.run({x, y, z: x}), 'invalid_argument', /z/);
  await fails(engine.run([x]), 'invalid_argument', /1 inputs were given; the model has 2/);
  await fails(engine.run(x), 'invalid_argument', /object/);
  await fails(() => engine.runSync(), 'invalid_argument');
});

test("the caller's outputs are written to", async () => {
  const engine = await spinel.load(model('two'));
  for (const run of [(...given) => engine.run(...given), (...given) => engine.runSync(...given)]) {
    const sum = filled([1, 3], 0);
    const {sum: found, product} = await run({x: row(), y: row()}, {outputs: {sum}});
    assert.equal(found, sum);
    assert.deepEqual(sum.data, Float32Array.of(2, 2, 2));
    assert.deepEqual(product.data, Float32Array.of(1, 1, 1));
    const room = new Float32Array(4);
    const product2 = new Tensor(room.subarray(0, 3), [1, 3]);
    assert.equal((await run([row(), row()], {outputs: [null, product2]}))[1], product2);
    assert.deepEqual(room, Float32Array.of(1, 1, 1, 0));
    await fails(() => run([row(), row()], {outputs: [filled([3, 1]), null]}), 'invalid_argument', /sum/);
    await fails(() => run([row(), row()], {outputs: [Object.assign(row(), {data: new Float32Array(2)}), null]}), 'invalid_argument');
    await fails(() => run([row(), row()], {outputs: [Tensor.from([0, 0, 0], [1, 3], 'int32'), null]}), 'invalid_argument');
    await fails(() => run([row(), row()], {outputs: [null]}), 'invalid_argument', /2/);
    await fails(() => run({x: row(), y: row()}, {outputs: {none: row()}}), 'invalid_argument', /none/);
    await fails(() => run([row(), row()], {outputs: [{data: new Float32Array(3)}, null]}), 'invalid_argument', /sum/);
  }
});

test('an output on its input\'s buffer', async () => {
  const engine = await spinel.load(model('two'), {aliases: {x: 'sum'}});
  const x = row();
  const {sum} = await engine.run({x, y: row()}, {outputs: {sum: x}});
  assert.deepEqual(sum.data, Float32Array.of(2, 2, 2));
});

test('sizes that only running tells', async () => {
  const engine = await spinel.load(model('reshape'));
  const inputs = {data: filled([6]), shape: Tensor.from([2, 3], [2], 'int64')};
  for (const {out} of [await engine.run(inputs), engine.runSync(inputs)]) {
    assert.deepEqual(out.dims, [2, 3]);
    out.data.forEach((value) => assert.ok(Math.abs(value - 1) < 1e-5));
    out.data.fill(5);
  }
  const none = await engine.run({data: filled([0]), shape: Tensor.from([0, 3], [2], 'int64')});
  assert.deepEqual([none.out.dims, none.out.data.length], [[0, 3], 0]);
});

test('models from memory, file URLs and external data', async () => {
  const bytes = fs.readFileSync(model('two'));
  for (const source of [bytes, new Uint8Array(bytes).buffer, pathToFileURL(model('two'))]) {
    const engine = await spinel.load(source);
    assert.deepEqual(engine.runSync([row(), row()])[0].data, Float32Array.of(2, 2, 2));
  }
  const external = fs.readFileSync(model('external'));
  await fails(spinel.load(external), 'bad_model', /external/);
  const engine = await spinel.load(external, {folder: path.dirname(model('external'))});
  assert.deepEqual(engine.runSync([filled([1], 2)])[0].data, Float32Array.of(5));
  await fails(spinel.load(Buffer.from('no model at all')), 'bad_model');
  await fails(spinel.load(null), 'invalid_argument');
  await fails(spinel.load(5), 'invalid_argument', /path/);
});

test('dtype, inputNames, inputSizes, batchSize, keepIoTypes', async () => {
  const half = await spinel.load(fashion,
      {inputNames: ['input'], inputSizes: [[1, 3, 32, 32]], batchSize: 4, dtype: 'float16', target: 'cpu'});
  assert.equal(half.inputs[0].dtype, 'float16');
  const [scores] = await half.run([new Tensor(new Uint16Array(2 * 3 * 32 * 32), [2, 3, 32, 32], 'float16')]);
  assert.deepEqual([scores.dtype, scores.dims[0], scores.data.constructor], ['float16', 2, Uint16Array]);
  assert.equal((await spinel.load(fashion, {dtype: 'float16', keepIoTypes: true})).inputs[0].dtype, 'float32');
});

test('padding', async () => {
  const engine = await spinel.load(fashion, {inputSizes: [[1, 3, 32, 32]], padValues: {input: 0.5}});
  const [small, full] = [engine.runSync([filled([1, 3, 30, 30], 0.5)])[0], engine.runSync([filled([1, 3, 32, 32], 0.5)])[0]];
  assert.deepEqual(small, full);
  const zeros = await spinel.load(fashion, {inputSizes: [[1, 3, 32, 32]], padInputs: true});
  assert.deepEqual(zeros.runSync([filled([1, 3, 30, 30], 0)])[0], zeros.runSync([filled([1, 3, 32, 32], 0)])[0]);
});

test('results do not depend on SPAs, threads, spinning or pages', async () => {
  const x = filled([7, 3, 32, 32]);
  x.data.forEach((_, i) => (x.data[i] = Math.sin(i)));
  const results = [];
  for (const options of [{spas: 1}, {spas: 2, spinUs: 0}, {threadsPerSpa: 2, spas: 1, hugePages: true}, {split: 'never'}]) {
    const engine = await spinel.load(fashion, {rank: 0, ranksOnMachine: 1, ...options});
    results.push((await engine.run([x]))[0]);
  }
  for (const result of results) assert.deepEqual(result, results[0]);
});

test('engine files', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spinel-node-'));
  try {
    const file = path.join(folder, 'two.spinel');
    await spinel.load(model('two'), {saveEngine: file});
    const engine = await spinel.load(null, {loadEngine: pathToFileURL(file), verify: 'full'});
    assert.deepEqual(engine.runSync([row(), row()])[0].data, Float32Array.of(2, 2, 2));
  } finally {
    fs.rmSync(folder, {recursive: true});
  }
});

test('passes and reports', async () => {
  const engine = await spinel.load(model('two'), {passJson: {passes: {fuse_elementwise: false}}});
  const enabled = Object.fromEntries(engine.passReport().map(({name, enabled: on}) => [name, on]));
  assert.deepEqual([enabled.fuse_elementwise, enabled.select_kernels], [false, true]);
  const network = await spinel.load(fashion);
  const report = network.memoryReport([[4, 3, 32, 32]]);
  assert.ok(report.weightBytes > 100000);
  assert.ok(report.totalBytes >= report.weightBytes + report.arenaBytesPerSpa);
  const {layers, durationNs} = await network.profile([filled([1, 3, 32, 32])]);
  assert.ok(durationNs >= Math.max(...layers.map((layer) => layer.durationNs)));
  assert.ok(layers.reduce((sum, {flops}) => sum + flops, 0) > 1e6);
  assert.ok(layers.some(({sources}) => sources.length > 0));
  assert.match(network.graphText(), /NhwcConv/);
  network.runSync([filled([1, 3, 32, 32])]);
  assert.ok(network.runTime > 0);
});

test('wrong options', async () => {
  for (const [options, code, saying] of [
    [{dtype: 'int7'}, 'invalid_argument', /int7/], [{dtpye: 'float16'}, 'invalid_argument', /'dtpye'.*dtype/],
    [{target: 'sdaa'}, 'not_found', /cpu/], [{split: 'x'}, 'invalid_argument', /proven/],
    [{verify: 'x'}, 'invalid_argument', /full/], [{limits: {maxX: 1}}, 'invalid_argument', /maxModelBytes/],
    [{limits: {maxNodes: 1}}, 'limit_exceeded', /max_nodes|nodes/], [{isa: 'mmx'}, 'not_found', /avx2/],
    [{spas: 1.5}, 'invalid_argument', /spas/], [{spas: 2 ** 40}, 'invalid_argument', /spas/],
    [{tune: 1}, 'invalid_argument', /tune/], [{inputNames: 'x'}, 'invalid_argument', /inputNames/],
    [{inputSizes: [3]}, 'invalid_argument', /inputSizes/], [{log: 'x'}, 'invalid_argument', /log/],
    [{passPath: '/none.json'}, 'not_found', /none/], [{customOps: ['/none.so']}, 'not_found', /none/],
    [null, 'invalid_argument', /object/],
  ]) {
    await fails(spinel.load(model('two'), options), code, saying);
    await fails(() => spinel.loadSync(model('two'), options), code, saying);
  }
  const error = await fails(spinel.load(model('unknown')), 'unsupported', /NoSuchOperator[^]*NorThisOne/);
  assert.match(error.stack, /SpinelError.*\n[^]*engine\.test\.js/);
});

const customAdd = path.join(build, 'lib/libcustom_add.so');
test('custom operators of a library', {skip: !fs.existsSync(customAdd) && 'samples/custom_op is not built'}, async () => {
  const sample = path.join(root, 'samples/custom_op/add.onnx');
  const engine = await spinel.load(sample, {customOps: [pathToFileURL(customAdd)]});
  const {sum} = engine.runSync({x: filled([2, 3], 3), y: filled([2, 3], 4)});
  assert.deepEqual(sum.data, filled([2, 3], 5).data);
  await fails(spinel.load(sample), 'unsupported');
});

test('log and progress are told', async () => {
  const lines = [];
  const stages = [];
  const engine = await spinel.load(fashion, {
    log: (level, message) => lines.push([level, message]),
    progress: (stage, fraction) => stages.push([stage, fraction]),
  });
  engine.release();
  assert.equal(stages[0][0], 'read');
  assert.ok(stages.length > 3 && stages.every(([stage, fraction]) => typeof stage === 'string' && fraction >= 0 && fraction <= 1));
  assert.ok(lines.every(([level, message]) => ['debug', 'info', 'warning', 'error'].includes(level) && message));
});
