'use strict';
// Worker threads: each has its own engines, ends when it likes, and may be ended.

const assert = require('node:assert/strict');
const {once} = require('node:events');
const test = require('node:test');
const spinel = require('..');
const {model, filled, worker: start} = require('./support/support');

test('workers run at the same time as the main thread', async () => {
  const workers = Array.from({length: 3}, () => start(`
    const engine = await spinel.load(two);
    let total = 0;
    for (let i = 0; i < 200; ++i) total += (await engine.run([filled(1, 3), filled(1, 3)]))[0].data[0];
    parentPort.postMessage(total);`));
  const messages = workers.map((worker) => once(worker, 'message'));
  const exits = workers.map((worker) => once(worker, 'exit'));
  const engine = await spinel.load(model('two'));
  for (let i = 0; i < 100; ++i) await engine.run([filled([1, 3]), filled([1, 3])]);
  for (const [total] of await Promise.all(messages)) assert.equal(total, 400);
  for (const [code] of await Promise.all(exits)) assert.equal(code, 0);
});

test('results may be transferred and outlive their worker', async () => {
  const worker = start(`
    const [sum] = await (await spinel.load(two)).run([filled(2, 3), filled(2, 3)]);
    parentPort.postMessage(sum.data, [sum.data.buffer]);
    const shape = spinel.Tensor.from([3, 2], [2], 'int64');
    const [out] = await (await spinel.load(reshape)).run([{data: new Float32Array(6).fill(1)}, shape]);
    parentPort.postMessage(out.data);`);
  const received = [];
  worker.on('message', (data) => received.push(data));
  await once(worker, 'exit');
  assert.deepEqual(received[0], new Float32Array(6).fill(2));
  received[1].forEach((value) => assert.ok(Math.abs(value - 1) < 1e-5));
});

test('a worker is ended during runs, loads and with engines open', async () => {
  const programs = [
    `const engine = await spinel.load(slow);
     parentPort.postMessage('running');
     for (let i = 0; i < 3; ++i) engine.run([filled(65536, 384)]).catch(() => {});`,
    `parentPort.postMessage('loading');
     for (let i = 0; i < 8; ++i) spinel.load(endless, {progress() {}, log() {}});`,
    `const engines = [await spinel.load(two, {log() {}}), spinel.loadSync(slow)];
     engines[0].runSync([filled(1, 3), filled(1, 3)]);
     parentPort.postMessage('idle'); setInterval(() => {}, 1000); globalThis.kept = engines;`,
    `const engine = await spinel.load(slow);
     engine.run([filled(65536, 384)]); parentPort.postMessage('exiting'); process.exit(1);`,
  ];
  for (const program of [...programs, ...programs]) {
    const worker = start(program);
    const exit = once(worker, 'exit');
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await worker.terminate();
    assert.deepEqual(await exit, [1]);
  }
});
