'use strict';
// node --expose-gc memory_child.js WHAT: does it again and again, and fails if the process has grown since the first
// rounds by more than a small part of what went through it.

const {once} = require('node:events');
const {Worker} = require('node:worker_threads');
const spinel = require('../..');
const {model, filled, fashion, synset, cat, coffee, addModel} = require('./support');

const mib = 1 << 20;
const expectFailure = (promise) => promise.then(() => Promise.reject(new Error('did not fail')), () => {});

// One round each. Small things are done often enough for a few hundred bytes to show, and big ones lose MiB at a time.
const work = {
  // Dropped without release(), with a log that keeps a reference.
  async engines() {
    for (let i = 0; i < 5; ++i) (await spinel.load(fashion, {log() {}})).runSync([filled([1, 3, 32, 32])]);
    spinel.loadSync(fashion).release();
  },
  async failures() {
    this.engine ??= spinel.loadSync(model('reshape'));
    for (let i = 0; i < 100; ++i) {
      await expectFailure(spinel.load(Buffer.alloc(64)));
      await expectFailure(this.engine.run({data: filled([6]), shape: spinel.Tensor.from([4, 4], [2], 'int64')}));
    }
  },
  async runs() {
    this.engine ??= await spinel.load(model('two'));
    const x = () => filled([1, 3]);
    for (let i = 0; i < 200; ++i) {
      this.engine.runSync([x(), x()]);
      await Promise.all([this.engine.run([x(), x()]), this.engine.run({x: x(), y: x()}, {outputs: {sum: x()}})]);
    }
  },
  async unplanned() {
    this.engine ??= await spinel.load(model('reshape'));
    const inputs = {data: filled([1 << 18]), shape: spinel.Tensor.from([2, 1 << 17], [2], 'int64')};
    for (let i = 0; i < 10; ++i) {
      await this.engine.run(inputs);
      this.engine.runSync(inputs);
    }
  },
  async cancelled() {
    this.engine ??= await spinel.load(model('slow'));
    for (let i = 0; i < 5; ++i) {
      const controller = new AbortController();
      const run = this.engine.run([filled([2048, 384])], {signal: controller.signal});
      setTimeout(() => controller.abort(), 1);
      await expectFailure(run);
    }
  },
  async images() {
    const preprocess = new spinel.Preprocessor();
    await preprocess.batch([cat, synset, '/none']);
    await expectFailure(preprocess.run([cat, synset]));
    spinel.topK(new spinel.Tensor(new Float32Array(1000), [1, 1000]), 1000);
    await spinel.decodeImage(cat);
  },
  async batches() {
    const loader = new spinel.DataLoader([{path: cat}, {path: synset}, {path: coffee, label: 2}], null, {batchSize: 2});
    const accuracy = new spinel.Accuracy();
    for await (const {labels} of loader) accuracy.add(filled([labels.length, 10]), labels.map((label) => label ?? 0));
  },
  async sequences() {
    this.engine ??= await spinel.load(model('values'));
    const x = filled([1 << 12]);
    for (let i = 0; i < 50; ++i) await this.engine.runValues([[x, x, x], x, i % 2 ? x : null]);
    await expectFailure(this.engine.runValues([[x, 3], x, null]));
  },
  async inspections() {
    this.engine ??= await spinel.load(model('reshape'));
    const inputs = {data: filled([1 << 16]), shape: spinel.Tensor.from([2, 1 << 15], [2], 'int64')};
    for (let i = 0; i < 20; ++i) await this.engine.inspect(inputs, i % 2 ? {} : {replace: (value, tensor) => tensor});
    await expectFailure(this.engine.inspect(inputs, {values: ['none']}));
    this.engine.layerValues();
  },
  async strings() {
    this.engine ??= await spinel.load(model('strings'));
    const texts = new spinel.Tensor(Array.from({length: 20000}, (_, i) => `a text that is not short ${i}`));
    await this.engine.run([texts]);
    this.engine.runSync([texts]);
  },
  // Dropped without release(), with an operator of their own; runs that fail, too.
  async operators() {
    const op = (compute) => new spinel.CustomOp('custom', 'Add', compute,
        {inputs: ['x', 'y'], outputs: ['sum', 'difference'], attributes: {alpha: 'float'}, shapes: (dims) => dims});
    const x = filled([1 << 15, 3]);
    for (let i = 0; i < 5; ++i) {
      const engine = await spinel.load(addModel, {customOps: [op(([a, b]) => [a, b])]});
      for (let j = 0; j < 4; ++j) {
        engine.runSync([x, x]);
        await engine.run([x, x]);
      }
    }
    const failing = spinel.loadSync(addModel, {customOps: [op(() => { throw new Error('no'); })]});
    await expectFailure(failing.run([x, x]));
  },
  async workers() {
    const script = `const spinel = require(${JSON.stringify(require.resolve('../..'))});
      const x = new spinel.Tensor(new Float32Array(3), [1, 3]);
      const engine = spinel.loadSync(${JSON.stringify(model('two'))}, {log() {}});
      engine.run([x, x]).then(() => process.exit(0));`;
    await once(new Worker(script, {eval: true}), 'exit');
  },
};

// Rounds before the measure, rounds measured, and MiB that they may add: V8's heap and malloc's arenas settle slowly.
const plans = {engines: [10, 60, 60], failures: [10, 60, 12], runs: [10, 150, 12], unplanned: [10, 100, 100],
  cancelled: [10, 60, 40], images: [20, 60, 40], batches: [20, 40, 40],
  inspections: [10, 60, 40], sequences: [10, 60, 40], strings: [10, 60, 40], operators: [10, 60, 40], workers: [10, 40, 40]};

async function settle() {
  // Finalizers run in turns of their own after a collection.
  for (let i = 0; i < 4; ++i) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function main(what) {
  const [before, measured, allowed] = plans[what];
  const state = {};
  const rounds = async (count) => {
    for (let i = 0; i < count; ++i) {
      await work[what].call(state);
      if (i % 5 === 4) await settle();
    }
    await settle();
    return process.memoryUsage();
  };
  const start = await rounds(before);
  const end = await rounds(measured);
  const grown = (name) => (end[name] - start[name]) / mib;
  console.log(`${what}: rss ${grown('rss').toFixed(1)} MiB, external ${grown('external').toFixed(2)} MiB in ${measured} rounds`);
  if (grown('rss') > allowed || grown('external') > 4) process.exitCode = 1;
}

main(process.argv[2]);
