'use strict';

const {native, misuse, checkOptions, pathOf, finished} = require('./native');
const {Preprocessor, nativePreprocessor} = require('./images');
const {fromNative} = require('./tensor');

const optionNames = ['batchSize', 'maxBatches', 'workers', 'prefetch', 'dropLast', 'rank', 'world'];

/** The images of root/CLASS/IMAGE, off the event loop. */
async function openDataset(root) {
  return finished(native.listDataset(pathOf(root), true));
}

/** The files of one folder, off the event loop. */
async function listDataset(folder) {
  return finished(native.listDataset(pathOf(folder), false));
}

/** Batches of a dataset, preprocessed ahead of time in threads of the library: an async iterable, again and again. */
class DataLoader {
  #box;
  #started = false;

  constructor(dataset, preprocess, options = {}) {
    const samples = Array.isArray(dataset) ? dataset : dataset && dataset.samples;
    if (!Array.isArray(samples)) throw misuse('DataLoader takes a dataset {samples}, or an array of {path, label}');
    if (preprocess !== undefined && preprocess !== null && !(preprocess instanceof Preprocessor)) {
      throw misuse('DataLoader takes a spinel.Preprocessor');
    }
    checkOptions(options, optionNames, 'DataLoader');
    const paths = samples.map((sample) => pathOf(sample && sample.path));
    this.#box = native.makeLoader(paths, samples.map(({label}) => label), preprocess ? nativePreprocessor(preprocess) : undefined,
        options);
  }

  /** Batches of one pass. */
  get batchCount() {
    return native.describeLoader(this.#box).batchCount;
  }

  /** Samples that one pass attempts. */
  get sampleCount() {
    return native.describeLoader(this.#box).sampleCount;
  }

  /** What the batches given since the start amount to. */
  get ledger() {
    return native.describeLoader(this.#box).ledger;
  }

  /** Begins again with the first batch. */
  async* [Symbol.asyncIterator]() {
    let again = this.#started;
    this.#started = true;
    for (;;) {
      const batch = await finished(native.nextBatch(this.#box, again));
      if (batch === undefined) return;
      again = false;
      yield {...batch, tensor: fromNative(batch.tensor)};
    }
  }

  /** Ends the threads once the batch under way is done. Other calls then fail with code "released". */
  release() {
    native.releaseLoader(this.#box);
  }
}
if (Symbol.dispose) {
  Object.defineProperty(DataLoader.prototype, Symbol.dispose,
      {value: DataLoader.prototype.release, configurable: true, writable: true});
}

module.exports = {openDataset, listDataset, DataLoader};
