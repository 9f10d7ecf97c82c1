'use strict';

const {native, misuse, checkOptions, pathOf, finished} = require('./native');
const {Engine} = require('./engine');
const {toNative, fromNative} = require('./tensor');

const optionNames = ['file', 'resize', 'crop', 'mean', 'std', 'interpolation', 'dtype', 'maxImagePixels'];

function source(image) {
  if (image instanceof ArrayBuffer) return new Uint8Array(image);
  if (image && typeof image === 'object' && 'data' in image) return toNative(image, 'an image');
  return pathOf(image);
}

function sources(images) {
  return Array.isArray(images) ? images.map(source) : [source(images)];
}

function split(images, {tensor, errors}) {
  const kept = [];
  const rejected = [];
  errors.forEach((error, index) => (error ? rejected.push({index, source: images[index], error}) : kept.push(index)));
  const all = fromNative(tensor);
  if (rejected.length === 0) return {tensor: all, indices: kept, rejected};
  const size = all.dims.slice(1).reduce((product, dim) => product * dim, 1);
  const data = new all.data.constructor(kept.length * size);
  kept.forEach((from, to) => data.set(all.data.subarray(from * size, (from + 1) * size), to * size));
  return {tensor: fromNative({data, dims: [kept.length, ...all.dims.slice(1)], dtype: all.dtype}), indices: kept, rejected};
}

/** What the addon knows a Preprocessor by. */
let nativeOf;

/** Decode, resize, centre crop, normalise, channels first: torchvision's result, bit for bit. */
class Preprocessor {
  #options;

  static {
    nativeOf = (preprocess) => preprocess.#options;
  }

  constructor(preset = 'imagenet', options = {}) {
    checkOptions(options, optionNames, 'Preprocessor');
    const {crop} = options;
    this.#options = native.makePreprocess(preset,
        {...options, file: pathOf(options.file), crop: typeof crop === 'number' ? [crop, crop] : crop});
  }

  /** Fits these options to an engine's input [N, 3, H, W]: its dtype, its size where it is fixed. Returns this. */
  forEngine(engine, inputIndex = 0) {
    Engine.fit(engine, this.#options, inputIndex);
    return this;
  }

  /** For a network of that input: the crop is it, resize its shorter side times 256/224. Returns this. */
  forInputSize(height, width) {
    native.sizePreprocess(this.#options, height, width);
    return this;
  }

  /** Of one image: [3, height, width]. */
  get dims() {
    return native.describePreprocess(this.#options).dims;
  }

  get dtype() {
    return native.describePreprocess(this.#options).dtype;
  }

  /** One image or a list of images as [N, 3, H, W], off the event loop. One that cannot be used is an error. */
  async run(images) {
    return fromNative((await finished(native.preprocess(this.#options, sources(images), false))).tensor);
  }

  /** run() while the thread waits. */
  runSync(images) {
    return fromNative(native.preprocessSync(this.#options, sources(images), false).tensor);
  }

  /** The images that can be used, and what is wrong with the others. */
  async batch(images) {
    if (!Array.isArray(images)) throw misuse('batch() takes an array of images');
    return split(images, await finished(native.preprocess(this.#options, sources(images), true)));
  }
}

/** An image file or encoded bytes as uint8 [height, width, 3], RGB, off the event loop. */
async function decodeImage(image) {
  return fromNative(await finished(native.decodeImage([source(image)])));
}

/** decodeImage() while the thread waits. */
function decodeImageSync(image) {
  return fromNative(native.decodeImageSync([source(image)]));
}

/** For each row of scores [N, classes] its k best: [{index, score, label}]. */
function topK(scores, k = 1, {softmax: apply = true, labels} = {}) {
  const tensor = toNative(scores, 'scores');
  const {perRow, indices, values} = native.topK([tensor], apply, k);
  const classes = tensor.dims[tensor.dims.length < 2 ? 0 : 1];
  if (labels && labels.length !== classes) throw misuse(`${labels.length} labels for ${classes} classes`);
  const answers = indices.map((index, i) => ({index, score: values[i], ...(labels ? {label: labels[index]} : {})}));
  return Array.from({length: perRow === 0 ? 0 : answers.length / perRow},
      (_, row) => answers.slice(row * perRow, (row + 1) * perRow));
}

/** Softmax over the last axis, in float32. */
function softmax(logits) {
  return fromNative(native.softmax([toNative(logits, 'logits')]));
}

/** The names of a synset file: "n02124075 Egyptian cat" is an Egyptian cat. */
function loadLabels(path, classes = 0) {
  return native.loadLabels(pathOf(path), classes);
}

module.exports = {
  Preprocessor, nativePreprocessor: (preprocess) => nativeOf(preprocess), decodeImage, decodeImageSync, topK, softmax, loadLabels,
};
