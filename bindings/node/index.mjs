import spinel from './index.js';

export const {
  load, loadSync, Engine, Tensor, SpinelError, Preprocessor, decodeImage, decodeImageSync, topK, softmax, loadLabels,
  openDataset, listDataset, DataLoader, Accuracy, difference, toFloat16, fromFloat16, toBfloat16, fromBfloat16,
  CustomOp, SymbolicDim, simplifyModel, convertModel, simplifySteps, float16KeepList, availableTargets, presetNames, version,
} = spinel;
export default spinel;
