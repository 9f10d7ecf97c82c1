import spinel from './index.js';

export const {
  load, loadSync, Engine, Tensor, SpinelError, Preprocessor, decodeImage, decodeImageSync, topK, softmax, loadLabels,
  toFloat16, fromFloat16, toBfloat16, fromBfloat16, availableTargets, presetNames, version,
} = spinel;
export default spinel;
