'use strict';
// Operators written in JavaScript: what they are given and give, who waits for whom, and how they fail.

const assert = require('node:assert/strict');
const {once} = require('node:events');
const test = require('node:test');
const spinel = require('..');
const {model, filled, fails, child, worker, addModel} = require('./support/support');

/** custom::Add of samples/custom_op: alpha is 0.5 in its model. */
function sums([x, y], {alpha = 1}, outputs) {
  return outputs.map((dtype, i) => dtype && {
    data: Float32Array.from(x.data, (value, at) => value + (i === 0 ? alpha : -alpha) * y.data[at]), dims: x.dims,
  });
}

const add = (compute = sums, options = {}) => new spinel.CustomOp('custom', 'Add', compute,
    {inputs: ['x', 'y'], outputs: ['sum', {name: 'difference', sameAs: 1}], attributes: {alpha: 'float'}, ...options});
const loadAdd = (op, options) => spinel.load(addModel, {customOps: [op], ...options});
const inputs = () => [filled([5, 3], 2), filled([5, 3], -3)];
const isSum = ([sum, difference]) => assert.deepEqual(
    [sum.dims, sum.data, difference.data], [[5, 3], filled([5, 3], 0.5).data, filled([5, 3], 3.5).data]);

test('an operator computes, in the background and in place', async () => {
  for (const op of [add(), add(sums, {shapes: (dims) => dims, rowsIndependent: true})]) {
    for (const engine of [await loadAdd(op, {spas: 2}), spinel.loadSync(addModel, {customOps: [op], spas: 2})]) {
      isSum(await engine.run(inputs()));
      isSum(engine.runSync(inputs()));
      (await Promise.all(Array.from({length: 20}, () => engine.run(inputs())))).forEach(isSum);
    }
  }
});

test('an operator serves engines in turn, runs in place while others wait', async () => {
  const op = add();
  const engines = [await loadAdd(op), await loadAdd(op), await loadAdd(add())];
  const runs = engines.flatMap((engine) => [engine.run(inputs()), engine.run(inputs())]);
  engines.forEach((engine) => isSum(engine.runSync(inputs())));
  engines[0].release();
  (await Promise.all(runs)).forEach(isSum);
  await fails(engines[0].run(inputs()), 'released');
});

test('attributes, texts and inputs of every kind', async () => {
  const seen = [];
  const probe = new spinel.CustomOp('custom', 'Probe', ([x, gap, s], attributes, outputs) => {
    seen.push([x.dims, gap, s.data, outputs, {...attributes, tensor: attributes.tensor.data}, Object.isFrozen(attributes)]);
    return [x, null, s];
  }, {
    inputs: [{name: 'x', dtypes: ['float32', 'float16']}, {name: 'gap', optional: true, whole: true}, {name: 's', dtypes: ['string']}],
    outputs: ['y', {name: 'gap', optional: true}, {name: 't', dtype: 'string'}],
    attributes: {f: {type: 'float', required: true}, i: 'int', text: 'string', fs: 'floats', ints: 'ints', texts: 'strings',
      tensor: 'tensor', none: 'int'},
    sinceVersion: 2, float16: true, indeterminate: true,
  });
  const engine = await spinel.load(model('custom'), {customOps: [probe]});
  for (const results of [await engine.run([filled([1, 2], 3), new spinel.Tensor(['a', 'ü'])]),
    engine.runSync([filled([1, 2], 3), new spinel.Tensor(['a', 'ü'])])]) {
    assert.deepEqual(results.map(({data}) => data), [filled([1, 2], 3).data, ['a', 'ü']]);
  }
  const wanted = [[1, 2], null, ['a', 'ü'], ['float32', null, 'string'], {f: 1.5, i: 7, text: 'some text', fs: [1, 2],
    ints: [3, 4, 5], texts: ['a', 'bc'], tensor: BigInt64Array.of(8n, 9n)}, true];
  assert.deepEqual(seen, [wanted, wanted]);
});

test('shapes() passes dims on', async () => {
  const asked = [];
  const op = (shapes) => add(sums, {shapes: (...all) => (asked.push(all), shapes(...all))});
  const engine = await loadAdd(op((dims) => dims));
  assert.deepEqual(engine.outputs.map(({dims}) => dims), [[null, 3], [null, 3]]);
  const [[[[rows, columns]], {alpha}]] = asked;
  assert.ok(rows instanceof spinel.SymbolicDim && columns === 3 && alpha === 0.5);
  const unknown = await loadAdd(op(() => [null, [null, 3]]));
  assert.deepEqual(unknown.outputs.map(({dims}) => dims), [null, [null, 3]]);
  isSum(unknown.runSync(inputs()));
  for (const [shapes, saying] of [[([[dim]]) => [[dim + 1, 3]], /passed on, not computed with/], [() => [[-2]], /the dim -2/],
    [() => [[1.5]], /the dim 1\.5/], [() => 5, /must give an array/], [() => [5], /an array or null/],
    [async () => [null], /shapes\(\) gave a promise/], [() => { throw new Error('no shape'); }, /Error: no shape \(at /],
    [(dims) => [[...dims[0]], ['3']], /the dim 3/]]) {
    for (const load of [() => loadAdd(op(shapes)), () => spinel.loadSync(addModel, {customOps: [op(shapes)]})]) {
      await fails(load, 'invalid_argument', saying);
    }
  }
});

test('what an operator throws fails the run and names the node', async () => {
  const wrong = (data, dims) => () => [{data, dims}, {data, dims}];
  for (const [compute, code, saying, options] of [
    [() => { throw new TypeError('no such sum'); }, 'invalid_argument', /TypeError: no such sum \(at .*custom_op\.test\.js/],
    [() => { throw new spinel.SpinelError('the data is bad', 'bad_data'); }, 'bad_data', /the data is bad/],
    [() => { throw 'a text'; }, 'invalid_argument', /a text/],
    [() => { throw Object.create(null); }, 'invalid_argument', /Add/],
    [async () => sums(inputs(), {}, []), 'invalid_argument', /compute\(\) gave a promise/],
    [() => Promise.reject(new Error('lost')), 'invalid_argument', /compute\(\) gave a promise/],
    [() => [], 'invalid_argument', /output 0 was not computed/],
    [() => undefined, 'invalid_argument', /output 0 was not computed/],
    [() => [1, 2, 3], 'invalid_argument', /output 0 of compute\(\) must be a tensor/],
    [([x]) => [x, x, x], 'invalid_argument', /3 results; the node has 2 outputs/],
    [wrong(new Float64Array(15), [5, 3]), 'invalid_argument', /Float32Array, not Float64Array/],
    [([x]) => [new spinel.Tensor(new Float64Array(15), [5, 3]), x], 'invalid_argument', /float64; it must be float32/],
    [wrong(new Float32Array(15), [5, 4]), 'invalid_argument', /float32\[5, 4\] takes data of length 20; it has 15/],
    [wrong(new Float32Array(15), [-5, -3]), 'invalid_argument', /dim/],
    [wrong(new Float32Array(20), [5, 4]), 'invalid_argument', /\[5, 4\], which shapes\(\) contradicts/, {shapes: (dims) => dims}],
    [function endless() { return endless(); }, 'invalid_argument', /RangeError: Maximum call stack/],
  ]) {
    const engine = await loadAdd(add(compute, options));
    for (const run of [() => engine.run(inputs()), () => engine.runSync(inputs())]) {
      const error = await fails(run, code, saying);
      assert.match(`${error.node} ${error.message}`, /Add/);
    }
  }
});

test('what an operator keeps of its inputs is empty afterwards', async () => {
  const kept = [];
  const engine = await loadAdd(add(([x, y], attributes, outputs) => {
    kept.push(x.data, y.data, x.data.subarray(3));
    return sums([x, y], attributes, outputs);
  }));
  isSum(await engine.run(inputs()));
  isSum(engine.runSync(inputs()));
  assert.deepEqual(kept.map(({length}) => length), [0, 0, 0, 0, 0, 0]);
});

test('an operator may run other engines, not its own', async () => {
  const inner = await loadAdd(add());
  const plain = await spinel.load(model('two'));
  let itself;
  const outer = await loadAdd(add(([x, y]) => {
    plain.runSync([filled([1, 3]), filled([1, 3])]);
    return inner.runSync([x, y]);
  }));
  isSum(await outer.run(inputs()));
  isSum(outer.runSync(inputs()));
  itself = await loadAdd(add((given) => itself.runSync(given)));
  await fails(itself.run(inputs()), 'invalid_argument', /would wait for what waits for it/);
  await fails(() => itself.runSync(inputs()), 'invalid_argument', /would wait for what waits for it/);
});

test('a run that is cancelled before its operator is called does not call it', async () => {
  let calls = 0;
  const engine = await loadAdd(add((...all) => (++calls, sums(...all))));
  const controller = new AbortController();
  const run = engine.run(inputs(), {signal: controller.signal});
  controller.abort();
  await fails(run, 'cancelled');
  assert.equal(calls, 0);
  isSum(await engine.run(inputs()));
});

test('the tools take operators', async (t) => {
  const fs = require('node:fs');
  const folder = fs.mkdtempSync(`${require('node:os').tmpdir()}/spinel-`);
  t.after(() => fs.rmSync(folder, {recursive: true}));
  for (const tool of [spinel.simplifyModel, spinel.convertModel]) {
    const report = await tool(addModel, `${folder}/out.onnx`, {customOps: [add()]});
    assert.ok(report.checkRuns > 0 && report.operatorsAfter['custom::Add'] === 1);
  }
});

test('misuse', async () => {
  const make = (...all) => () => new spinel.CustomOp(...all);
  for (const [work, saying] of [[make('custom', 'Add'), /a function that computes/], [make('custom', '', sums), /name/],
    [make('custom', 5, sums), /name must be a string/], [make('custom', 'Add', sums, {input: ['x']}), /no option 'input'/],
    [make('custom', 'Add', sums, {inputs: 2}), /inputs must be an array/], [make('custom', 'Add', sums, {shapes: 5}), /shapes must/],
    [make('custom', 'Add', sums, {inputs: [{name: 'x', type: 'float32'}]}), /no option 'type'/],
    [make('custom', 'Add', sums, {outputs: [{name: 'y', dtype: 'float99'}]}), /float99/],
    [make('custom', 'Add', sums, {outputs: [{name: 'y', sameAs: -1}]}), /same_as/],
    [make('custom', 'Add', sums, {attributes: {alpha: 'double'}}), /'double'; there are float, int/]]) {
    await fails(work, 'invalid_argument', saying);
  }
  await fails(spinel.load(addModel, {customOps: [{}]}), 'invalid_argument', /spinel\.CustomOp/);
  await fails(spinel.load(addModel, {customOps: add()}), 'invalid_argument', /customOps must be an array/);
});

test('the process ends while an operator computes', () => {
  const load = (body) => `const engine = await spinel.load(addModel, {customOps: [add(([x, y]) => { ${body} return [x, y]; })]});
    const x = filled(4, 3);`;
  for (const run of ['await engine.run([x, x]);', 'engine.runSync([x, x]);', 'engine.run([x, x]); engine.runSync([x, x]);',
    'for (let i = 0; i < 9; ++i) engine.run([x, x]);']) {
    assert.deepEqual(child(`${load('process.exit(3);')} ${run}`), [3, null, '', ''], run);
  }
  // What reads an input at the end finds it empty.
  assert.deepEqual(child(`${load(`process.on('exit', () => console.log(x.data.length)); process.exit(4);`)} engine.runSync([x, x]);`),
      [4, null, '0\n', '']);
  assert.deepEqual(child(`${load('')} engine.run([x, x]).then(([sum]) => console.log(sum.dims.join()));`), [0, null, '4,3\n', '']);
});

test('a worker ends while an operator computes', async () => {
  const load = (body) => `const x = filled(4, 3);
    const engine = await spinel.load(addModel, {customOps: [add(([a, b]) => { parentPort.postMessage('computing'); ${body} return [a, b]; })]});`;
  for (const body of ['process.exit(1);', 'for (;;);', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);']) {
    for (const run of ['engine.run([x, x]);', 'engine.runSync([x, x]);', 'engine.run([x, x]); engine.run([x, x]); engine.runSync([x, x]);']) {
      const running = worker(`${load(body)} ${run}`);
      const exit = once(running, 'exit');
      await once(running, 'message');
      await running.terminate();
      assert.deepEqual(await exit, [1], body + run);
    }
  }
});

test('workers have operators of their own', async () => {
  const workers = Array.from({length: 3}, () => worker(`
    const engine = await spinel.load(addModel, {customOps: [add(([x, y]) => [y, x])]});
    let total = 0;
    for (let i = 0; i < 50; ++i) total += (await engine.run([filled(4, 3), filled(4, 3)]))[0].data[0];
    parentPort.postMessage(total);`));
  const messages = workers.map((each) => once(each, 'message'));
  const exits = workers.map((each) => once(each, 'exit'));
  const engine = await loadAdd(add());
  for (let i = 0; i < 50; ++i) isSum(await engine.run(inputs()));
  for (const [total] of await Promise.all(messages)) assert.equal(total, 50);
  for (const [code] of await Promise.all(exits)) assert.equal(code, 0);
});
