'use strict';

const {native, checkOptions, pathOf, finished} = require('./native');
const {nativeOps} = require('./engine');

const common = ['externalData', 'check', 'limits', 'customOps'];
const simplifyOptions = ['inputShapes', 'skipSteps', 'maxFoldedBytes', 'inlineFunctions', 'keepInitializerInputs', ...common];
const convertOptions = ['keepOps', 'keepNodes', 'convertOps', 'keepInputs', 'keepIoTypes', ...common];

function prepared(options, known, what) {
  checkOptions(options, known, what);
  if (options.check !== undefined && options.check !== null) {
    checkOptions(options.check, ['runs', 'required', 'inputShapes', 'tolerance'], `${what}'s check`);
  }
  return {...options, customOps: nativeOps(options.customOps)};
}

/** Writes a model that computes the same with fewer nodes, and compares the two; off the event loop. */
async function simplifyModel(model, out, options = {}) {
  return finished(native.simplifyModel(pathOf(model), pathOf(out), prepared(options, simplifyOptions, 'simplifyModel()')));
}

/** Writes a model whose float32 values are float16, and compares the two; off the event loop. */
async function convertModel(model, out, options = {}) {
  return finished(native.convertModel(pathOf(model), pathOf(out), prepared(options, convertOptions, 'convertModel()')));
}

module.exports = {simplifyModel, convertModel, simplifySteps: native.simplifySteps, float16KeepList: native.float16KeepList};
