'use strict';

const {inspect} = require('node:util');
const {native, SpinelError, misuse, checkOptions} = require('./native');
const {Tensor, toNative, fromNative} = require('./tensor');

const optionNames = [
  'inputs', 'outputs', 'attributes', 'shapes', 'sinceVersion', 'variadic', 'rowsIndependent', 'float16', 'indeterminate',
];

let codeOf;

/** A dim of an input that stands for an expression of the model's dynamic dims: it can be passed on, not computed with. */
class SymbolicDim {
  #code;

  static {
    codeOf = (dim) => (#code in dim ? dim.#code : undefined);
  }

  constructor(code) {
    this.#code = code;
    Object.freeze(this);
  }

  [Symbol.toPrimitive](hint) {
    if (hint === 'string') return '?';
    throw misuse('a dim that is not known before running can be passed on, not computed with; give null');
  }
}

// The addon's dims: -1 is not known, and what is below stands for an expression.
function toDim(number) {
  return number >= 0 ? number : number === -1 ? null : new SymbolicDim(number);
}

function fromDim(dim) {
  if (dim === null || dim === undefined) return -1;
  if (typeof dim === 'object') return codeOf(dim);
  if (Number.isSafeInteger(dim) && dim >= 0) return dim;
  throw misuse(`shapes() gave the dim ${String(dim)}; a dim is a number of 0 or more, null, or a dim of an input`);
}

/** What the addon takes for a failure: its code and message, with the place that threw. */
function failureOf(error) {
  if (error instanceof SpinelError) return {code: error.code, message: error.message};
  if (error === null || typeof error !== 'object' || typeof error.message !== 'string') {
    return {code: 'invalid_argument', message: typeof error === 'string' ? error : inspect(error)};
  }
  const place = /^ {4}(at .*)$/m.exec(String(error.stack));
  return {code: 'invalid_argument', message: `${error.name}: ${error.message}${place ? ` (${place[1]})` : ''}`};
}

/** A function for the addon, which never throws but gives its failure. */
function contained(work) {
  return (...given) => {
    try {
      return work(...given);
    } catch (error) {
      return failureOf(error);
    }
  };
}

function refusePromise(value, what) {
  if (value !== null && typeof value === 'object' && typeof value.then === 'function') {
    if (typeof value.catch === 'function') value.catch(() => {});
    throw misuse(`${what} gave a promise; it must give the result itself`);
  }
}

/** Calls an operator's compute() with tensors, and makes what it gives those of the addon. */
function computer(compute) {
  return contained((inputs, attributes, outputs) => {
    const dtypes = Array.from(outputs, (dtype) => dtype ?? null);
    const given = compute(inputs.map((input) => input && fromNative(input)), Object.freeze(attributes), dtypes);
    refusePromise(given, 'compute()');
    const results = Array.isArray(given) ? given : [given];
    return results.map((result, i) => {
      if (result === null || result === undefined) return null;
      const named = result instanceof Tensor || result.dtype || !dtypes[i] ? result : {...result, dtype: dtypes[i]};
      return toNative(named, `output ${i} of compute()`);
    });
  });
}

function shaper(shapes) {
  return contained((inputs, attributes) => {
    const given = shapes(inputs.map((dims) => dims && dims.map(toDim)), Object.freeze(attributes));
    refusePromise(given, 'shapes()');
    if (!Array.isArray(given)) throw misuse('shapes() must give an array with the dims of each output');
    return given.map((dims) => {
      if (dims === null || dims === undefined) return null;
      if (!Array.isArray(dims)) throw misuse('the dims that shapes() gives for an output must be an array or null');
      return dims.map(fromDim);
    });
  });
}

/** [{name, ...}] of names and objects. */
function ports(list, what, known) {
  if (!Array.isArray(list)) throw misuse(`${what} must be an array`);
  return list.map((each) => {
    const port = typeof each === 'string' ? {name: each} : each;
    checkOptions(port, known, `one of ${what}`);
    return port;
  });
}

function attributeList(attributes) {
  if (attributes === null || typeof attributes !== 'object') throw misuse('attributes must be an object {name: type}');
  return Object.entries(attributes).map(([name, kind]) => {
    const attribute = typeof kind === 'string' ? {type: kind} : kind;
    checkOptions(attribute, ['type', 'required'], `the attribute '${name}'`);
    return {name, type: attribute.type, required: attribute.required ?? false};
  });
}

/** What the addon knows a CustomOp by. */
let nativeOf;

/** An operator that ONNX lacks, for `customOps`. */
class CustomOp {
  #native;

  static {
    nativeOf = (op) => (op instanceof CustomOp ? op.#native : undefined);
  }

  constructor(domain, name, compute, options = {}) {
    checkOptions(options, optionNames, 'CustomOp');
    const {shapes} = options;
    if (typeof compute !== 'function') throw misuse('a CustomOp needs a function that computes');
    if (shapes !== undefined && shapes !== null && typeof shapes !== 'function') throw misuse('shapes must be a function');
    const inputs = ports(options.inputs ?? ['x'], 'inputs', ['name', 'dtypes', 'optional', 'whole']);
    const outputs = ports(options.outputs ?? ['y'], 'outputs', ['name', 'dtype', 'sameAs', 'optional']);
    this.domain = domain;
    this.name = name;
    this.#native = native.makeOp({
      domain, name, sinceVersion: options.sinceVersion ?? 1, variadic: options.variadic ?? false,
      rowsIndependent: options.rowsIndependent ?? false, float16: options.float16 ?? false,
      indeterminate: options.indeterminate ?? false, attributes: attributeList(options.attributes ?? {}),
      inputs: inputs.map((each) => ({dtypes: [], optional: false, whole: false, ...each})),
      outputs: outputs.map((each) => ({sameAs: 0, optional: false, ...each})),
    }, computer(compute), shapes ? shaper(shapes) : undefined);
    Object.freeze(this);
  }
}

module.exports = {CustomOp, SymbolicDim, nativeOp: (op) => nativeOf(op)};
