'use strict';
// What is in the images?  node classify.js [--preset NAME] MODEL.onnx LABELS.txt IMAGE...
// prints the five best classes of every image. Images that cannot be used are named; then the exit code is 1.

const spinel = require('spinel');

async function main(words) {
  const preset = words[0] === '--preset' ? words.splice(0, 2)[1] : 'imagenet';
  const [model, labelFile, ...images] = words;
  if (images.length === 0) {
    console.error('usage: node classify.js [--preset NAME] MODEL.onnx LABELS.txt IMAGE...');
    return 2;
  }
  const engine = await spinel.load(model);
  const labels = spinel.loadLabels(labelFile);
  const preprocess = new spinel.Preprocessor(preset).forEngine(engine);

  let code = 0;
  for (const image of images) {
    try {
      const [scores] = await engine.run([await preprocess.run(image)]);
      const [answers] = spinel.topK(scores, 5);
      console.log(image);
      for (const {index, score} of answers) {
        console.log(`  ${score.toFixed(3)} ${labels[index] ?? '(a class without a label)'}`);
      }
    } catch (error) {
      console.error(`${image}: ${error.message} (${error.code})`);
      code = 1;
    }
  }
  return code;
}

main(process.argv.slice(2)).then((code) => (process.exitCode = code), (error) => {
  console.error(`${error.message} (${error.code})`);
  process.exitCode = 1;
});
