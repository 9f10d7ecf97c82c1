/** Spinel for Node: runs ONNX models on typed arrays and images. docs/node.md of the project says more. */
import {CustomOp} from './lib/custom_op';

export * from './lib/custom_op';
export * from './lib/dataset';
export * from './lib/images';
export * from './lib/tools';

/** Element types, named as in ONNX. Their data:
 * Float32Array for float32 and complex64 (pairs), Float64Array for float64 and complex128 (pairs), Int8Array, Int16Array,
 * Int32Array, BigInt64Array, Uint8Array, Uint16Array, Uint32Array and BigUint64Array for the integers, Uint16Array with
 * the bits for float16 and bfloat16, Uint8Array for bool (0 and 1), float8 and the packed types, string[] for string. */
export type DType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' |
  'uint64' | 'bool' | 'string' | 'complex64' | 'complex128' | 'float8e4m3fn' | 'float8e4m3fnuz' | 'float8e5m2' |
  'float8e5m2fnuz' | 'float8e8m0' | 'float4e2m1' | 'uint4' | 'int4' | 'uint2' | 'int2';

export type TensorData =
  Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint8ClampedArray |
  Uint16Array | Uint32Array | BigUint64Array | string[];

/** What functions take for a tensor: a Tensor, or an object like one. */
export interface TensorLike {
  readonly data: TensorData;
  /** Outermost first; without them the tensor is one-dimensional. */
  readonly dims?: readonly number[];
  /** Without it the natural one of the data. */
  readonly dtype?: DType;
}

/** Dims and elements, dense and row-major. */
export class Tensor implements TensorLike {
  /** The data is used, not copied. Without dims it is one-dimensional; without a dtype it is the natural one of the data:
   * float16, bfloat16 and bool must be named. */
  constructor(data: TensorData, dims?: readonly number[], dtype?: DType);
  readonly dtype: DType;
  readonly dims: number[];
  readonly data: TensorData;
  /** A tensor of numbers, bigints, booleans or strings, converted to the dtype, by default float32. */
  static from(values: Iterable<number | bigint | boolean | string>, dims?: readonly number[], dtype?: DType): Tensor;
  /** The elements as numbers (float16 and bfloat16 too), bigints (int64, uint64), booleans or strings. */
  toArray(): Array<number | bigint | boolean | string>;
}

/** Floats as the bits of float16, the nearest, ties to even; and back. */
export function toFloat16(values: Iterable<number> | ArrayLike<number>): Uint16Array;
export function fromFloat16(codes: Uint16Array): Float32Array;
/** Floats as the bits of bfloat16, the nearest, ties to even; and back. */
export function toBfloat16(values: Iterable<number> | ArrayLike<number>): Uint16Array;
export function fromBfloat16(codes: Uint16Array): Float32Array;

export type ErrorCode =
  'invalid_argument' | 'not_found' | 'io' | 'bad_model' | 'bad_data' | 'unsupported' | 'limit_exceeded' | 'out_of_memory' |
  'cancelled' | 'released' | 'internal';

/** What every function fails with. After an AbortSignal the code is "cancelled", the name "AbortError" and the cause the
 * signal's reason. */
export class SpinelError extends Error {
  constructor(message: string, code: ErrorCode, node?: string);
  readonly code: ErrorCode;
  /** The ONNX node that failed, or "". */
  readonly node: string;
}

/** Upper bounds on what a model or image may ask for; 0: none. */
export interface Limits {
  maxModelBytes?: number;
  maxTensorBytes?: number;
  maxArenaBytes?: number;
  maxNodes?: number;
  maxNesting?: number;
  maxImagePixels?: number;
}

/** How to load a model. The defaults suit every model. */
export interface LoadOptions {
  /** What executes: "cpu" (Spinel's own) or "onnx" (ONNX Runtime); see availableTargets(). */
  target?: string;
  /** The caller's order of the inputs. */
  inputNames?: readonly string[];
  /** One shape an input; fixes dynamic dims, but for the batch, which may be 0 or -1: any. */
  inputSizes?: ReadonlyArray<readonly number[]>;
  /** Inputs whose data may fall short of a fixed dim, and what fills it up. */
  padValues?: Readonly<Record<string, number>>;
  /** All inputs may fall short; what padValues does not name is filled up with 0. */
  padInputs?: boolean;
  /** Samples of one run over all SPAs (the compute partitions of an engine). */
  batchSize?: number;
  /** Compute precision, and type of float inputs and outputs. Default: the model's. */
  dtype?: 'float32' | 'float16';
  /** dtype leaves the types of inputs and outputs as the file has them. */
  keepIoTypes?: boolean;
  /** Whether a batch may be split over the SPAs: only if that is proven to be the same, never, or without a proof. */
  split?: 'proven' | 'never' | 'always';
  /** 0: one for each threadsPerSpa cores. */
  spas?: number;
  threadsPerSpa?: number;
  /** This process's number, where several share the machine, and how many they are. */
  rank?: number;
  ranksOnMachine?: number;
  /** A JSON file that configures the graph passes; or the same as text or as an object. */
  passPath?: string | URL;
  passJson?: string | object;
  /** Where to write an engine file, and one to load instead of compiling. */
  saveEngine?: string | URL;
  loadEngine?: string | URL;
  limits?: Limits;
  /** Receives warnings and information for as long as the engine lives. An engine that it refers to is only freed by
   * release(). */
  log?: (level: 'debug' | 'info' | 'warning' | 'error', message: string) => void;
  /** Told when a stage of the load begins, and how much is done, in [0, 1]. */
  progress?: (stage: string, fraction: number) => void;
  /** Target "onnx": where ONNX Runtime's library lies. */
  onnxruntimePath?: string | URL;
  /** How long a thread waits awake for more work during a run, in microseconds. */
  spinUs?: number;
  hugePages?: boolean;
  /** Outputs that may be placed on an input's buffer, {input: output}. */
  aliases?: Readonly<Record<string, string>>;
  /** "avx512_fp16", "avx512_vnni", "avx512", "avx2" or "portable"; default: the best that the machine has. */
  isa?: string;
  /** Times candidate kernels on this machine, and keeps the fastest. */
  tune?: boolean;
  /** What of an engine file is verified: all but the weights' values, or those too. */
  verify?: 'program' | 'full';
  /** Operators that the model may use beside Spinel's own, and shared libraries of them. Loading one runs its code. */
  customOps?: ReadonlyArray<CustomOp | string | URL>;
  /** Where a model given as bytes has its external data. */
  folder?: string | URL;
  /** Target "onnx" keeps what inspect() needs; target "cpu" needs nothing. */
  inspectable?: boolean;
}

/** The bytes of a model must not change until it is loaded. */
export type Model = string | URL | Uint8Array | ArrayBuffer | null | undefined;

/** Loads and compiles an ONNX file, or its bytes, in a background thread; `signal` cancels. With `loadEngine` the model may
 * be left out (null). Every operator that is not supported is listed in the error. */
export function load(model: Model, options?: LoadOptions & {signal?: AbortSignal}): Promise<Engine>;
/** load() while the thread waits. */
export function loadSync(model: Model, options?: LoadOptions): Engine;

/** An input or output. */
export interface TensorInfo {
  readonly name: string;
  /** A model with others than tensors is run by runValues(). Of those name and element alone mean something. */
  readonly kind: 'tensor' | 'sequence' | 'optional' | 'unknown';
  /** What is in a sequence or an optional, without a name; null for a tensor. */
  readonly element: TensorInfo | null;
  readonly dtype: DType;
  /** null where a dim is dynamic; null as a whole if the model leaves the rank open. */
  readonly dims: ReadonlyArray<number | null> | null;
  /** The name or expression of a dynamic dim, else "". */
  readonly dimNames: readonly string[];
  /** The axis that is split over the SPAs, or null. */
  readonly batchAxis: number | null;
}

export interface MemoryReport {
  /** Constants, shared by all SPAs. */
  weightBytes: number;
  arenaBytesPerSpa: number;
  scratchBytesPerSpa: number;
  totalBytes: number;
  spas: number;
  /** Values that are allocated during a run, because only running tells their size. */
  unplanned: string[];
}

/** What one graph pass did. */
export interface PassReport {
  name: string;
  enabled: boolean;
  changes: number;
  /** Places that it changed, or looked at and left alone. */
  notes: Array<{node: string; text: string; refused: boolean}>;
  notesLeftOut: number;
  /** Operators that it looks for, and how many there are after it. */
  found: Record<string, number>;
}

/** Where the time of a run went, in the order in which the layers ran. */
export interface Profile {
  /** Of the whole run. */
  durationNs: number;
  layers: LayerTime[];
}

/** One layer of a profiled run. */
export interface LayerTime {
  name: string;
  op: string;
  kernel: string;
  /** The ONNX nodes that it stands for. */
  sources: string[];
  /** Since the run began. */
  startNs: number;
  durationNs: number;
  /** Two a multiply-add; 0 where they are not counted. */
  flops: number;
}

/** A value of the ONNX file that a compiled model still computes: passes merge nodes, and what lies inside a merged layer is
 * gone. */
export interface LayerValue {
  /** Of the value in the ONNX file. */
  name: string;
  /** What the layer computes. */
  dtype: DType;
  /** In the file's order of axes; null where a dim is not known; null as a whole where the rank is open. */
  dims: Array<number | null> | null;
  /** Place of the layer that computes it in the order of execution. */
  layer: number;
  /** The layer's name and operator. */
  node: string;
  op: string;
  /** The ONNX nodes that the layer stands for. */
  sources: string[];
  /** The layer's inputs that have a name in the file, without constants. */
  inputs: string[];
}

export type NamedTensors = Record<string, Tensor>;

/** What a model of more than tensors takes: a tensor, a sequence, or an optional without an element; and what it gives. */
export type ValueLike = TensorLike | readonly ValueLike[] | null;
export type Value = Tensor | Value[] | null;

/** What a run may be given. Outputs are written to, without a copy, where a tensor is given, and are then the results;
 * their buffers must not be used until the run is over. */
export interface RunOptions<Outputs> {
  outputs?: Outputs;
}

/** What is looked at in a run. */
export interface InspectOptions {
  /** Names of layerValues(). */
  values?: readonly string[];
  /** Asked for other elements of each of these values, in the order of execution, while the run waits: a tensor of the value's
   * dims, whose dtype may be any numeric one, takes its place, so that what follows is computed from it. Values that are views
   * of others are not asked about: they follow those. What it throws ends the run and is thrown. Target "cpu" alone. */
  replace?: (value: LayerValue, tensor: Tensor) => TensorLike | null | undefined | void;
  signal?: AbortSignal;
}

/** A model, compiled. Immutable. Its memory is freed by release(), or when it was collected; runs under way finish
 * first. One engine belongs to one thread (worker). */
export class Engine {
  private constructor();
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly target: string;
  readonly computeDtype: DType;
  /** How floats are computed, in words. */
  readonly arithmetic: string;
  readonly spas: number;
  readonly threadsPerSpa: number;
  /** The batch that the model is made for; 0 if any runs. */
  readonly fixedBatch: number;
  /** Whether a batch is split over the SPAs, and why not. */
  readonly splittable: boolean;
  readonly blockingNode: string;
  readonly splitReason: string;
  /** Seconds that the last finished run took; 0 before the first. */
  readonly runTime: number;

  /** Runs one batch off the event loop; runs start in the order of the calls. Results come as the inputs do: by name, or as
   * a list in the model's order. Inputs are used in place: they must not be changed, transferred or resized until the
   * promise is settled. */
  run(inputs: readonly TensorLike[],
      options?: RunOptions<ReadonlyArray<Tensor | null>> & {signal?: AbortSignal}): Promise<Tensor[]>;
  run(inputs: Readonly<Record<string, TensorLike>>,
      options?: RunOptions<Readonly<Record<string, Tensor | null>>> & {signal?: AbortSignal}): Promise<NamedTensors>;
  /** run() while the thread waits. */
  runSync(inputs: readonly TensorLike[], options?: RunOptions<ReadonlyArray<Tensor | null>>): Tensor[];
  runSync(inputs: Readonly<Record<string, TensorLike>>,
          options?: RunOptions<Readonly<Record<string, Tensor | null>>>): NamedTensors;

  /** Runs a model whose inputs and outputs may be sequences and optionals, or tensors alone, off the event loop. */
  runValues(inputs: readonly ValueLike[], options?: {signal?: AbortSignal}): Promise<Value[]>;
  runValues(inputs: Readonly<Record<string, ValueLike>>, options?: {signal?: AbortSignal}): Promise<Record<string, Value>>;

  /** Times every layer of one run, after a first one that is not counted. */
  profile(inputs: readonly TensorLike[] | Readonly<Record<string, TensorLike>>,
          options?: {signal?: AbortSignal}): Promise<Profile>;
  /** Bytes for runs with these dims of the inputs; without them the model's own, 1 for what is dynamic. */
  memoryReport(dims?: ReadonlyArray<readonly number[]>): MemoryReport;
  /** What each graph pass did, in order. */
  passReport(): PassReport[];
  /** The compiled graph, for people: the format may change. */
  graphText(): string;

  /** The values between the layers, in the order of execution; with dims of the inputs, theirs are those of such a run as far
   * as they are known before running. */
  layerValues(dims?: ReadonlyArray<readonly number[]>): LayerValue[];
  /** Runs one batch, with results of the same bits as run(), and gives the values of these names, by default all. An engine of
   * target "onnx" must have been loaded with `inspectable`. */
  inspect(inputs: readonly TensorLike[], options?: InspectOptions): Promise<{outputs: Tensor[]; values: NamedTensors}>;
  inspect(inputs: Readonly<Record<string, TensorLike>>,
          options?: InspectOptions): Promise<{outputs: NamedTensors; values: NamedTensors}>;

  /** Frees the engine once the runs under way are done. Other calls then fail with code "released"; another release() does
   * nothing. */
  release(): void;
  [Symbol.dispose](): void;
}

/** The targets of this build, the default first. */
export function availableTargets(): string[];
/** The presets that Preprocessor takes. */
export function presetNames(): string[];
/** The library's version. */
export const version: string;

declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}
