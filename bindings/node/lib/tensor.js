'use strict';

const {misuse} = require('./native');
const {toFloat16, fromFloat16, toBfloat16, fromBfloat16} = require('./float16');

// The typed array of each dtype. Those that are not here are bytes: bool, float8 and the packed ones.
const storages = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
  int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  bool: Uint8Array, float16: Uint16Array, bfloat16: Uint16Array, complex64: Float32Array, complex128: Float64Array,
};

const inferred = {
  Float32Array: 'float32', Float64Array: 'float64', Int8Array: 'int8', Int16Array: 'int16', Int32Array: 'int32',
  BigInt64Array: 'int64', Uint8Array: 'uint8', Uint8ClampedArray: 'uint8', Uint16Array: 'uint16', Uint32Array: 'uint32',
  BigUint64Array: 'uint64', Float16Array: 'float16',
};

// By name and not by class: a context of its own, such as a test runner's, has classes of its own.
function kindOf(data) {
  return ArrayBuffer.isView(data) ? data[Symbol.toStringTag] : undefined;
}

function dtypeOf(data) {
  const dtype = Array.isArray(data) && data.every((each) => typeof each === 'string') ? 'string' : inferred[kindOf(data)];
  if (dtype === undefined) {
    throw misuse('the data of a tensor must be a typed array, or an array of strings; spinel.Tensor.from() takes numbers');
  }
  return dtype;
}

// Elements a byte, of the packed ones; and entries an element.
const packed = {uint4: 2, int4: 2, float4e2m1: 2, uint2: 4, int2: 4};
const pairs = {complex64: 2, complex128: 2};
const bytes = new Set(['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', ...Object.keys(packed)]);

/** That a tensor's data is what its dtype takes, with as many entries as its dims say. */
function checkTensor({data, dims, dtype}) {
  if (dtype !== 'string' && !(dtype in storages) && !bytes.has(dtype)) throw misuse(`there is no dtype '${dtype}'`);
  const holder = dtype === 'string' ? 'Array' : (storages[dtype] ?? Uint8Array).name;
  const found = Array.isArray(data) ? 'Array' : kindOf(data);
  if (found !== holder && !(found === 'Uint8ClampedArray' && holder === 'Uint8Array')) {
    const kind = holder === 'Array' ? 'an array of strings' : `a typed array, ${holder}`;
    throw misuse(`the data of a tensor of ${dtype} is ${kind}, not ${found ?? typeof data}`);
  }
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) throw misuse(`the dims [${dims.join(', ')}] are no whole numbers`);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const wanted = packed[dtype] ? Math.ceil(count / packed[dtype]) : count * (pairs[dtype] ?? 1);
  if (data.length !== wanted) throw misuse(`${dtype}[${dims.join(', ')}] takes data of length ${wanted}; it has ${data.length}`);
}

/**
 * Dims and elements, dense and row-major. The data is the caller's: it is not copied.
 * See index.d.ts for which typed array belongs to which dtype.
 */
class Tensor {
  constructor(data, dims, dtype) {
    this.dtype = dtype === undefined ? dtypeOf(data) : dtype;
    const each = (packed[this.dtype] ?? 1) / (pairs[this.dtype] ?? 1);
    this.dims = dims === undefined ? [data.length * each] : Array.from(dims);
    this.data = kindOf(data) === 'Float16Array' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
    checkTensor(this);
  }

  /** A tensor of numbers, bigints, booleans or strings, converted to the dtype. */
  static from(values, dims, dtype = 'float32') {
    const list = Array.from(values);
    const shape = dims === undefined ? [list.length] : dims;
    if (dtype === 'string') return new Tensor(list.map(String), shape, dtype);
    if (dtype === 'float16') return new Tensor(toFloat16(list), shape, dtype);
    if (dtype === 'bfloat16') return new Tensor(toBfloat16(list), shape, dtype);
    const Storage = storages[dtype];
    if (Storage === undefined) throw misuse(`there are no numbers of dtype '${dtype}'; give a Uint8Array with its bits`);
    const convert = dtype === 'bool' ? (value) => (value ? 1 : 0) : Storage.name.startsWith('Big') ? BigInt : Number;
    return new Tensor(Storage.from(list, convert), shape, dtype);
  }

  /** The elements as numbers, bigints (int64, uint64), booleans or strings. */
  toArray() {
    if (this.dtype === 'float16') return Array.from(fromFloat16(this.data));
    if (this.dtype === 'bfloat16') return Array.from(fromBfloat16(this.data));
    return this.dtype === 'bool' ? Array.from(this.data, Boolean) : Array.from(this.data);
  }
}

const mayBeResizable = 'resizable' in ArrayBuffer.prototype;

/** A tensor as the addon takes it, of {dtype, dims, data} with the first two optional. */
function toNative(value, what) {
  if (value === null || typeof value !== 'object' || !('data' in value)) {
    throw misuse(`${what} must be a tensor: new spinel.Tensor(data, dims)`);
  }
  const tensor = value instanceof Tensor && value.dtype ? value : new Tensor(value.data, value.dims, value.dtype);
  // The buffer may be shrunk during the run.
  if (mayBeResizable && tensor.data && tensor.data.buffer && tensor.data.buffer.resizable) {
    return new Tensor(tensor.data.slice(), tensor.dims, tensor.dtype);
  }
  return tensor;
}

/** Of {dtype, dims, data}. */
function fromNative({data, dims, dtype}) {
  return new Tensor(data, dims, dtype);
}

module.exports = {Tensor, toNative, fromNative};
