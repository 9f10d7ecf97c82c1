'use strict';
// Runs and loads off the event loop: order, cancelling, releasing, and a process that ends meanwhile.

const assert = require('node:assert/strict');
const {EventEmitter} = require('node:events');
const test = require('node:test');
const spinel = require('..');
const {fashion, model, filled, fails, child} = require('./support/support');

// Seconds of work, unless it is cancelled.
const long = () => [filled([65536, 384])];

test('many runs at once, each with its own result', async () => {
  const engine = await spinel.load(model('two'));
  const runs = Array.from({length: 64}, (_, i) => engine.run([filled([2, 3], i), filled([2, 3])]));
  (await Promise.all(runs)).forEach(([sum], i) => assert.deepEqual(sum.data, filled([2, 3], i + 1).data));
});

test('the event loop turns during runs and loads', async () => {
  const engine = await spinel.load(model('slow'));
  let turns = 0;
  let running = true;
  const count = () => running && setImmediate(() => (turns++, count()));
  count();
  await engine.run([filled([2048, 384])]);
  const duringRun = turns;
  await spinel.load(fashion);
  running = false;
  assert.ok(duringRun > 10 && turns > duringRun, `${duringRun}, ${turns}`);
});

test('errors come with the promise', async () => {
  const engine = await spinel.load(model('reshape'));
  const shape = spinel.Tensor.from([4, 4], [2], 'int64');
  assert.equal((await fails(engine.run({data: filled([6]), shape}), 'invalid_argument')).node, 'the_reshape');
});

test('a signal cancels a run', async () => {
  const engine = await spinel.load(model('slow'));
  const controller = new AbortController();
  const run = engine.run(long(), {signal: controller.signal});
  setTimeout(() => controller.abort(new Error('enough')), 20);
  const error = await fails(run, 'cancelled');
  assert.deepEqual([error.name, error.cause.message], ['AbortError', 'enough']);
  await fails(engine.run(long(), {signal: controller.signal}), 'cancelled');
  await fails(engine.profile(long(), {signal: AbortSignal.timeout(20)}), 'cancelled');
  // A run that waits for its turn, too; the others are not touched.
  const queued = new AbortController();
  const first = engine.run([filled([512, 384])]);
  const second = engine.run(long(), {signal: queued.signal});
  const third = engine.run([filled([2, 384])]);
  queued.abort();
  await fails(second, 'cancelled');
  assert.deepEqual([(await first)[0].dims, (await third)[0].dims], [[512, 384], [2, 384]]);
});

test('a signal that comes too late does nothing, and is let go', async () => {
  const engine = await spinel.load(model('two'));
  const controller = new AbortController();
  const {signal} = controller;
  let listening = 0;
  const counted = Object.assign(new EventEmitter(), {
    aborted: false,
    addEventListener: (...all) => (listening++, signal.addEventListener(...all)),
    removeEventListener: (...all) => (listening--, signal.removeEventListener(...all)),
  });
  for (let i = 0; i < 20; ++i) await engine.run([filled([1, 3]), filled([1, 3])], {signal: counted});
  assert.equal(listening, 0);
  controller.abort();
});

test('a signal cancels a load', async () => {
  await fails(spinel.load(fashion, {signal: AbortSignal.abort()}), 'cancelled');
  // Without the signal it would go on for some thousand years.
  const controller = new AbortController();
  const stages = [];
  const load = spinel.load(model('endless_load'), {
    signal: controller.signal,
    progress: (stage) => {
      stages.push(stage);
      setTimeout(() => controller.abort(), 20);
    },
  });
  assert.equal((await fails(load, 'cancelled')).name, 'AbortError');
  assert.ok(stages.length > 0);
  assert.equal((await spinel.load(fashion)).outputs.length, 1);
});

test('a signal cancels a loop of the model', async () => {
  const engine = await spinel.load(model('endless_run'));
  const inputs = (trips) => ({n: spinel.Tensor.from([trips], [], 'int64'), x: filled([1])});
  await fails(engine.run(inputs(2 ** 40), {signal: AbortSignal.timeout(30)}), 'cancelled');
  assert.deepEqual((await engine.run(inputs(3))).y.data, Float32Array.of(8));
});

test('release during a run: the run ends, later calls fail', async () => {
  const engine = await spinel.load(model('slow'));
  const runs = [engine.run([filled([64, 384])]), engine.run([filled([64, 384])])];
  engine.release();
  engine.release();
  for (const work of [() => engine.run(long()), () => engine.runSync(long()), () => engine.memoryReport(),
    () => engine.runTime, () => engine.graphText(), () => new spinel.Preprocessor().forEngine(engine)]) {
    await fails(work, 'released');
  }
  for (const [result] of await Promise.all(runs)) assert.deepEqual(result.dims, [64, 384]);
  if (Symbol.dispose) {
    const other = await spinel.load(model('two'));
    other[Symbol.dispose]();
    await fails(() => other.passReport(), 'released');
  }
});

test('an engine that nobody refers to finishes its run', async () => {
  const [result] = await (await spinel.load(model('slow'))).run([filled([8, 384])]);
  assert.deepEqual(result.dims, [8, 384]);
});

test('the process ends cleanly with runs and loads under way', () => {
  const started = 'const engine = await spinel.load(slow); for (let i = 0; i < 3; ++i) engine.run(long());';
  assert.deepEqual(child(`${started} setTimeout(() => process.exit(3), 30);`), [3, null, '', '']);
  assert.deepEqual(child(`${started} process.exit(4);`), [4, null, '', '']);
  assert.deepEqual(child(`for (let i = 0; i < 8; ++i) spinel.load(endless); setTimeout(() => process.exit(5), 30);`), [5, null, '', '']);
  assert.deepEqual(child(`${started} process.on('exit', () => engine.run(long()).catch(() => {})); process.exit(6);`),
      [6, null, '', '']);
  const [status, , , stderr] = child(`${started} setTimeout(() => { throw new Error('uncaught here'); }, 30);`);
  assert.equal(status, 1);
  assert.match(stderr, /uncaught here/);
});

test('the process waits for runs, and not for idle engines', () => {
  assert.deepEqual(child(`const e = await spinel.load(two); const x = new spinel.Tensor(new Float32Array(3), [1, 3]);
    e.run([x, x]).then(([sum]) => console.log(sum.dims.join()));`), [0, null, '1,3\n', '']);
});

test('what a callback throws is an uncaught exception', () => {
  const [status, , , stderr] = child(`process.on('uncaughtException', (error) => { console.log(error.message); process.exit(7); });
    await spinel.load(slow, {progress: () => { throw new Error('from progress'); }});
    setTimeout(() => {}, 5000);`);
  assert.deepEqual([status, stderr], [7, '']);
});
