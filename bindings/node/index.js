'use strict';
// Spinel for Node: runs ONNX models on typed arrays and images. index.d.ts documents everything.

const {native, SpinelError} = require('./lib/native');
const {load, loadSync, Engine} = require('./lib/engine');
const {Tensor} = require('./lib/tensor');
const {Preprocessor, decodeImage, decodeImageSync, topK, softmax, loadLabels} = require('./lib/images');
const {openDataset, listDataset, DataLoader} = require('./lib/dataset');
const {CustomOp, SymbolicDim} = require('./lib/custom_op');
const {simplifyModel, convertModel, simplifySteps, float16KeepList} = require('./lib/tools');
const {Accuracy, difference} = require('./lib/metrics');
const {toFloat16, fromFloat16, toBfloat16, fromBfloat16} = require('./lib/float16');

module.exports = {
  load, loadSync, Engine, Tensor, SpinelError, Preprocessor, decodeImage, decodeImageSync, topK, softmax, loadLabels,
  openDataset, listDataset, DataLoader, Accuracy, difference, toFloat16, fromFloat16, toBfloat16, fromBfloat16,
  CustomOp, SymbolicDim, simplifyModel, convertModel, simplifySteps, float16KeepList,
  availableTargets: native.availableTargets, presetNames: native.presetNames, version: native.version,
};
