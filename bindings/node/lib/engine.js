'use strict';

const {native, misuse, checkOptions, pathOf, finished, checkSignal} = require('./native');
const {nativeOp} = require('./custom_op');
const {toNative, fromNative} = require('./tensor');

const optionNames = [
  'target', 'inputNames', 'inputSizes', 'padValues', 'batchSize', 'dtype', 'keepIoTypes', 'padInputs', 'split', 'spas',
  'threadsPerSpa', 'rank', 'ranksOnMachine', 'passPath', 'passJson', 'saveEngine', 'loadEngine', 'limits', 'log',
  'progress', 'onnxruntimePath', 'spinUs', 'hugePages', 'aliases', 'isa', 'tune', 'verify', 'customOps', 'folder', 'inspectable',
  'signal',
];
const secret = Symbol('made by load()');

function list(names) {
  return names.length === 0 ? 'none' : names.join(', ');
}

/** Values by name, or in order, as a list in the order of `ports`. `what` is "input" or "output". */
function inOrder(values, ports, what, required) {
  if (Array.isArray(values)) {
    if (values.length !== ports.length) {
      throw misuse(`${values.length} ${what}s were given; the model has ${ports.length}: ` +
                   list(ports.map(({name}) => name)));
    }
    return values;
  }
  // An input may be called "data", but then it is a tensor itself.
  if (values === null || typeof values !== 'object' || ArrayBuffer.isView(values.data) || Array.isArray(values.data)) {
    throw misuse(`the ${what}s must be an object {name: tensor} or an array in the model's order`);
  }
  const names = ports.map(({name}) => name);
  const given = Object.keys(values);
  if (given.some((name) => !names.includes(name)) || (required && names.some((name) => !given.includes(name)))) {
    throw misuse(`the ${what}s given are ${list(given)}, those of the model ${list(names)}`);
  }
  return names.map((name) => values[name]);
}

/** A tensor, an array of values, or null, as the addon takes it. */
function valueOf(value, name) {
  if (value === null || value === undefined) return null;
  return Array.isArray(value) ? value.map((each) => valueOf(each, name)) : toNative(value, `input '${name}'`);
}

function wrapped(value) {
  return value === null ? null : Array.isArray(value) ? value.map(wrapped) : fromNative(value);
}

/** The options of a run, without misspelt ones, and with a signal that has not come yet. */
function checked(options, known, what) {
  checkOptions(options, known, what);
  checkSignal(options.signal);
  return options;
}

function frozenPorts(ports) {
  for (const port of ports) {
    if (port.element) frozenPorts([port.element]);
    if (port.dims) Object.freeze(port.dims);
    Object.freeze(port.dimNames);
    Object.freeze(port);
  }
  return Object.freeze(ports);
}

/**
 * A model, compiled. Made by load() and loadSync(); immutable. Its memory is freed by release(), or when it is no longer
 * referred to and was collected; runs under way finish first.
 */
class Engine {
  #box;

  constructor(key, box) {
    if (key !== secret) throw misuse('engines are made by spinel.load()');
    this.#box = box;
    const {inputs, outputs, ...facts} = native.describe(box);
    Object.assign(this, facts);
    this.inputs = frozenPorts(inputs);
    this.outputs = frozenPorts(outputs);
    Object.freeze(this);
  }

  /** Runs one batch off the event loop. Results come as the inputs do: by name, or as a list. */
  async run(inputs, options = {}) {
    const {outputs, signal} = checked(options, ['outputs', 'signal'], 'run()');
    const given = this.#order(inputs, outputs);
    return this.#wrap(inputs, given, await finished(native.run(this.#box, ...given), signal));
  }

  /** Runs a model whose inputs and outputs may be sequences (arrays of values) and optionals (null). */
  async runValues(inputs, options = {}) {
    const {signal} = checked(options, ['signal'], 'runValues()');
    const given = inOrder(inputs, this.inputs, 'input', true).map((value, i) => valueOf(value, this.inputs[i].name));
    const results = (await finished(native.runValues(this.#box, given), signal)).map(wrapped);
    return Array.isArray(inputs) ? results : Object.fromEntries(this.outputs.map(({name}, i) => [name, results[i]]));
  }

  /** Runs one batch and returns its results; the thread waits. */
  runSync(inputs, options = {}) {
    const {outputs} = checked(options, ['outputs'], 'runSync()');
    const given = this.#order(inputs, outputs);
    return this.#wrap(inputs, given, native.runSync(this.#box, ...given));
  }

  /** Times every layer of one run, after a first one that is not counted. */
  async profile(inputs, options = {}) {
    const {signal} = checked(options, ['signal'], 'profile()');
    return finished(native.profile(this.#box, ...this.#order(inputs)), signal);
  }

  /** The values between the layers, in the order of execution. */
  layerValues(dims = []) {
    return native.layerValues(this.#box, dims);
  }

  /** Runs one batch, and gives the values of these names, or all, beside the results; replace() may give others. */
  async inspect(inputs, options = {}) {
    const {values = [], replace, signal} = checked(options, ['values', 'replace', 'signal'], 'inspect()');
    if (replace !== undefined && typeof replace !== 'function') throw misuse('replace must be a function');
    const [given] = this.#order(inputs);
    let thrown;
    const replacer = replace && ((value, tensor) => {
      try {
        const other = replace(value, fromNative(tensor));
        return other === undefined || other === null ? undefined : toNative(other, `what replaces '${value.name}'`);
      } catch (error) {
        thrown = {error};
        return false;
      }
    });
    const found = await finished(native.inspect(this.#box, given, undefined, values, replacer), signal).catch((error) => {
      throw thrown ? thrown.error : error;
    });
    return {
      outputs: this.#wrap(inputs, [], found.outputs),
      values: Object.fromEntries(found.values.map(([name, tensor]) => [name, fromNative(tensor)])),
    };
  }

  /** Seconds that the last finished run took; 0 before the first. */
  get runTime() {
    return native.runTime(this.#box);
  }

  /** Bytes for runs with these dims of the inputs; without them the model's own, 1 for what is dynamic. */
  memoryReport(dims = []) {
    return native.memoryReport(this.#box, dims);
  }

  /** What each graph pass did, in order. */
  passReport() {
    return native.passReport(this.#box);
  }

  /** The compiled graph, for people: the format may change. */
  graphText() {
    return native.graphText(this.#box).join('\n');
  }

  /** Frees the engine once the runs under way are done. Other calls then fail with code "released". */
  release() {
    native.release(this.#box);
  }

  /** For Preprocessor.forEngine(). */
  static fit(engine, preprocess, index) {
    if (!(engine instanceof Engine)) throw misuse('forEngine() takes an engine of spinel.load()');
    native.fitPreprocess(engine.#box, preprocess, index);
  }

  #order(inputs, outputs) {
    const tensors = inOrder(inputs, this.inputs, 'input', true);
    const targets = outputs === undefined || outputs === null ? undefined :
      inOrder(outputs, this.outputs, 'output', false).map((tensor, i) => {
        if (tensor === undefined || tensor === null) return null;
        if (toNative(tensor, 'an output') !== tensor) {
          throw misuse(`the output for '${this.outputs[i].name}' must be a spinel.Tensor of a buffer of fixed size`);
        }
        return tensor;
      });
    return [tensors.map((tensor, i) => toNative(tensor, `input '${this.inputs[i].name}'`)), targets];
  }

  #wrap(inputs, [, targets], results) {
    const tensors = results.map((result, i) => (targets && targets[i]) || fromNative(result));
    if (Array.isArray(inputs)) return tensors;
    return Object.fromEntries(this.outputs.map(({name}, i) => [name, tensors[i]]));
  }
}
if (Symbol.dispose) {
  Object.defineProperty(Engine.prototype, Symbol.dispose,
      {value: Engine.prototype.release, configurable: true, writable: true});
}

/** Operators and paths of libraries, as the addon takes them. */
function nativeOps(list) {
  return Array.isArray(list) ? list.map((each) => nativeOp(each) ?? pathOf(each)) : list;
}

/** [model, folder, options] of the addon. */
function loadArguments(model, options) {
  checkOptions(options, optionNames, 'load()');
  const plain = {...options};
  for (const name of ['passPath', 'saveEngine', 'loadEngine', 'onnxruntimePath']) plain[name] = pathOf(plain[name]);
  plain.customOps = nativeOps(plain.customOps);
  if (plain.passJson !== undefined && plain.passJson !== null && typeof plain.passJson !== 'string') {
    plain.passJson = JSON.stringify(plain.passJson);
  }
  let source = pathOf(model);
  if ((source === undefined || source === null) && !plain.loadEngine) {
    throw misuse('load() takes a model, the path or the bytes of an ONNX file, or the option loadEngine');
  }
  if (source instanceof ArrayBuffer) source = new Uint8Array(source);
  return [source, pathOf(plain.folder), plain];
}

/** Loads an ONNX file, or its bytes, off the event loop. */
async function load(model, options = {}) {
  const given = loadArguments(model, options);
  checkSignal(options.signal);
  return new Engine(secret, await finished(native.load(...given), options.signal));
}

/** load() while the thread waits. */
function loadSync(model, options = {}) {
  return new Engine(secret, native.loadSync(...loadArguments(model, options)));
}

module.exports = {Engine, load, loadSync, nativeOps};
