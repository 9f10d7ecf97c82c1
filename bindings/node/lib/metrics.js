'use strict';

const {native, misuse} = require('./native');
const {toNative} = require('./tensor');

/** Counts right answers over batches; every sample weighs the same. */
class Accuracy {
  #counter;

  constructor(k = 5) {
    this.#counter = native.makeAccuracy(k);
  }

  /** Counts a batch: scores [N, classes] and N labels. */
  add(scores, labels) {
    native.addAccuracy(this.#counter, [toNative(scores, 'scores')], Array.from(labels));
  }

  /** Adds the counts of another one of the same k. */
  merge(other) {
    if (!(other instanceof Accuracy)) throw misuse('merge() takes a spinel.Accuracy');
    native.mergeAccuracy(this.#counter, other.#counter);
  }

  /** What was counted until now. */
  get counts() {
    return native.describeAccuracy(this.#counter);
  }
}

/** How far tensors of equal dims are from each other. */
function difference(actual, expected, threshold = -1) {
  return native.difference([toNative(actual, 'actual'), toNative(expected, 'expected')], threshold);
}

module.exports = {Accuracy, difference};
