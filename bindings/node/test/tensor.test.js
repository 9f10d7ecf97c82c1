'use strict';
// Tensors, 16-bit floats, and every kind of buffer that a run may be given.

const assert = require('node:assert/strict');
const test = require('node:test');
const vm = require('node:vm');
const spinel = require('..');
const {model, filled, fails} = require('./support/support');

const {Tensor} = spinel;

test('dtype and dims follow from the data', () => {
  assert.deepEqual({...new Tensor(Int16Array.of(1, 2))}, {dtype: 'int16', dims: [2], data: Int16Array.of(1, 2)});
  assert.equal(new Tensor(['a'], [1]).dtype, 'string');
  assert.equal(new Tensor(BigUint64Array.of(1n)).dtype, 'uint64');
  assert.throws(() => new Tensor([1, 2]).dtype === 'string' && new Tensor(3), {code: 'invalid_argument'});
});

test('from() converts and toArray() converts back', () => {
  for (const [dtype, values] of Object.entries({
    float32: [0.5, -2], float64: [0.1], float16: [0.25, 65504, -0.000030517578125], bfloat16: [1.5, -3], int8: [-128],
    int64: [-5n, 2n ** 62n], uint64: [2n ** 64n - 1n], bool: [true, false], string: ['a\0b', ''],
  })) assert.deepEqual(Tensor.from(values, [values.length], dtype).toArray(), values);
  assert.deepEqual(Tensor.from([1, 0, 7], [3], 'bool').data, Uint8Array.of(1, 0, 1));
  assert.throws(() => Tensor.from([1], [1], 'int4'), {code: 'invalid_argument', message: /int4/});
});

test('float16: every code there and back, and rounding to nearest even', () => {
  const codes = Uint16Array.from({length: 65536}, (_, code) => code);
  const floats = spinel.fromFloat16(codes);
  const back = spinel.toFloat16(floats);
  floats.forEach((value, code) => (Number.isNaN(value) ? assert.equal(back[code] & 0x7e00, 0x7e00) :
    back[code] === code || assert.fail(`${code}`)));
  const finite = Array.from(floats.subarray(0, 0x7c00));
  for (let code = 0; code + 1 < finite.length; code += 37) {
    const middle = (finite[code] + finite[code + 1]) / 2;
    assert.equal(spinel.toFloat16([middle])[0], code + (code & 1));
    assert.equal(spinel.toFloat16([middle + finite[code + 1] * 1e-5])[0], code + 1);
    assert.equal(spinel.toFloat16([-middle + finite[code + 1] * 1e-5])[0], 0x8000 + code);
  }
  assert.deepEqual(spinel.toFloat16([65519, 65520, -1e9, 2 ** -25, 2 ** -24]), Uint16Array.of(0x7bff, 0x7c00, 0xfc00, 0, 1));
});

test('bfloat16 rounds to nearest even', () => {
  const codes = spinel.toBfloat16([1, 1 + 1 / 256, 1 + 3 / 256, -Infinity, NaN]);
  assert.deepEqual(Array.from(spinel.fromBfloat16(codes)), [1, 1, 1 + 4 / 256, -Infinity, NaN]);
});

test('views, shared memory, other contexts and plain objects are taken as they are', async () => {
  const engine = await spinel.load(model('two'));
  const buffer = new Float32Array([9, 1, 2, 3, 9]).buffer;
  const view = new Float32Array(buffer, 4, 3);
  const shared = new Float32Array(new SharedArrayBuffer(12)).fill(2);
  const foreign = vm.runInNewContext('Float32Array.of(4, 5, 6)');
  const y = filled([1, 3], 0);
  for (const [data, wanted] of [[view, [1, 2, 3]], [shared, [2, 2, 2]], [foreign, [4, 5, 6]]]) {
    const inputs = {x: {data, dims: [1, 3]}, y};
    assert.deepEqual(Array.from((await engine.run(inputs)).sum.data), wanted);
    assert.deepEqual(Array.from(engine.runSync(inputs).sum.data), wanted);
  }
  if ('resizable' in ArrayBuffer.prototype) {
    const resizable = new ArrayBuffer(12, {maxByteLength: 24});
    new Float32Array(resizable).fill(3);
    const promise = engine.run([new Tensor(new Float32Array(resizable), [1, 3]), y]);
    resizable.resize(0);
    assert.deepEqual(Array.from((await promise)[0].data), [3, 3, 3]);
  }
});

test('data that does not fit is refused', async () => {
  const engine = await spinel.load(model('two'));
  const y = filled([1, 3]);
  const refused = (x, saying) => fails(engine.run([x, y]), 'invalid_argument', saying);
  await refused({data: new Float32Array(2), dims: [1, 3]}, /float32\[1, 3\] takes data of length 3; it has 2/);
  await refused({data: new Float32Array(3), dims: [1, 3], dtype: 'float99'}, /float99/);
  await refused({data: new Float32Array(3), dims: [1, 1.5]}, /1\.5.*whole/);
  await refused({data: new Float32Array(3), dims: [1, -3]}, /-3/);
  await refused({data: new Float32Array(3), dims: ['1', 3]}, /dims/);
  await refused({data: [1, 2, 3], dims: [1, 3]}, /Tensor\.from\(\) takes numbers/);
  for (const [data, dims, dtype, length] of [[new Uint8Array(2), undefined, 'uint4', [4]], [new Uint8Array(2), [3], 'int4', [3]],
    [new Uint8Array(1), [3], 'uint2', [3]], [new Float32Array(4), undefined, 'complex64', [2]], [[], [2, 0], 'string', [2, 0]]]) {
    assert.deepEqual(new Tensor(data, dims, dtype).dims, length);
  }
  // What is changed afterwards is looked at again.
  const changed = (change) => Object.assign(new Tensor(new Float32Array(3), [1, 3]), change);
  await refused(changed({data: new Float32Array(2)}), /inputs\[0\]/);
  await refused(changed({data: new Float64Array(3)}), /typed array/);
  await refused(changed({dtype: 'float99'}), /float99/);
  await refused(changed({dims: [1, 1.5]}), /whole/);
  await refused(changed({dims: [1, -3]}), /-3/);
  await refused(changed({dims: ['1', 3]}), /dims/);
  await refused(null, /'x' must be a tensor/);
  await refused({dtype: 'float32', dims: [1, 3], data: 7}, /typed array/);
  const gone = new Float32Array(3);
  structuredClone(gone.buffer, {transfer: [gone.buffer]});
  await refused({data: gone, dims: [1, 3]}, /it has 0/);
  const strings = await spinel.load(model('strings'));
  await fails(strings.run([{data: ['a', 5], dims: [2], dtype: 'string'}]), 'invalid_argument', /string/);
});
