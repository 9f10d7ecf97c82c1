// Compiled, not run: what a program in TypeScript may and may not write. `this` file is checked by tests/bindings/node.py.
import * as spinel from '../..';

async function use(): Promise<void> {
  const engine: spinel.Engine = await spinel.load('model.onnx', {
    dtype: 'float16', inputSizes: [[1, 3, 224, 224]], limits: {maxNodes: 10}, signal: new AbortController().signal,
    log: (level, message) => { const text: string = message; void [level === 'warning', text]; },
  });
  const x = new spinel.Tensor(new Float32Array(6), [2, 3]);
  const named = await engine.run({x}, {outputs: {sum: x}, signal: new AbortController().signal});
  const dims: number[] = named['sum'].dims;
  const [first] = engine.runSync([x, {data: BigInt64Array.of(1n), dims: [1]}]);
  const values: Array<number | bigint | boolean | string> = first.toArray();
  const fixed: number | null = engine.inputs[0].dims![0];
  const rows = await new spinel.Preprocessor('imagenet', {crop: [32, 32]}).forEngine(engine).batch(['a.png', x]);
  const label: string | undefined = spinel.topK(rows.tensor, 5, {labels: ['a']})[0][0].label;
  const accuracy = new spinel.Accuracy(5);
  for await (const {tensor, labels, rejected} of new spinel.DataLoader(await spinel.openDataset('val'), null, {batchSize: 16})) {
    const [scores] = await engine.run([tensor]);
    accuracy.add(scores, labels.map((known) => known ?? -1));
    if (rejected.length) throw rejected[0].error;
  }
  const top1: number = accuracy.counts.top1;
  const {values: between} = await engine.inspect({x}, {values: ['hidden'], replace: (value, tensor) => (value.layer > 3 ? tensor : undefined)});
  const far: number = spinel.difference(between['hidden'], x).diff2;
  const [first0] = await engine.runValues([[x, x], null]);
  void [top1, far, first0];
  try {
    engine[Symbol.dispose]();
  } catch (error) {
    if (error instanceof spinel.SpinelError && error.code === 'released') void error.node;
  }
  void [dims, values, fixed, label];
  const scale = new spinel.CustomOp('custom', 'Scale', ([a, gap], {factor = 1}, [dtype]) => {
    const {data} = a!;
    return gap === null && data instanceof Float32Array ? {data: data.map((each) => each * factor), dims: a!.dims, dtype: dtype!} : [null];
  }, {inputs: ['x', {name: 'gap', optional: true}], outputs: [{name: 'y', sameAs: 0}],
    attributes: {factor: 'float', axis: {type: 'int', required: true}}, shapes: ([shape]) => [shape, [2, null]]});
  await spinel.load('model.onnx', {customOps: [scale, '/lib.so']});
  const {kept}: spinel.ToolReport = await spinel.convertModel('a.onnx', 'b.onnx', {keepOps: ['Mul'], customOps: [scale]});
  const report = await spinel.simplifyModel('a.onnx', 'b.onnx', {inputShapes: {x: [1]}, check: {runs: 0}});
  const added: number = report.operatorsAfter['Add'];
  void [kept, added];

  // @ts-expect-error compute() is not async
  new spinel.CustomOp('custom', 'Add', async ([a]) => a!);
  // @ts-expect-error dims that are not known cannot be computed with
  new spinel.CustomOp('custom', 'Add', ([a]) => a!, {shapes: ([shape]) => [[shape![0] + 1]]});
  // @ts-expect-error an option of the other tool
  await spinel.simplifyModel('a.onnx', 'b.onnx', {keepOps: ['Mul']});

  // @ts-expect-error an option that does not exist
  await spinel.load('model.onnx', {dtpye: 'float16'});
  // @ts-expect-error engines are made by load()
  new spinel.Engine();
  // @ts-expect-error runSync() has no signal
  engine.runSync([x], {signal: new AbortController().signal});
  // @ts-expect-error no such dtype
  new spinel.Tensor(new Float32Array(1), [1], 'float99');
  // @ts-expect-error numbers are not data
  await engine.run([[1, 2, 3]]);
  // @ts-expect-error a file has a path
  new spinel.DataLoader([{file: 'a.png'}]);
  // @ts-expect-error read-only
  engine.spas = 3;
}
void use;
