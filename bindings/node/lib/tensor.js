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
  if (Array.isArray(data)) return 'string';
  const dtype = inferred[kindOf(data)];
  if (dtype === undefined) throw misuse('the data of a tensor must be a typed array, or an array of strings');
  return dtype;
}

/**
 * Dims and elements, dense and row-major. The data is the caller's: it is not copied.
 * See index.d.ts for which typed array belongs to which dtype.
 */
class Tensor {
  constructor(data, dims, dtype) {
    this.dtype = dtype === undefined ? dtypeOf(data) : dtype;
    this.dims = dims === undefined ? [data.length] : Array.from(dims);
    this.data = kindOf(data) === 'Float16Array' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
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
