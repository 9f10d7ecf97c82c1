import {DType, Tensor, TensorLike} from '../index';

/** Types of attributes, and what they are in JavaScript: number for "float" and "int" (beyond 2^53 the nearest), string, arrays
 * of them for those that end in s, Tensor. */
export type AttributeType = 'float' | 'int' | 'string' | 'floats' | 'ints' | 'strings' | 'tensor';
export type Attributes = Readonly<Record<string, any>>;

/** A dim of an input before running that stands for an expression of the model's dynamic dims: it can be passed on to an
 * output; to compute with it is an error. */
export class SymbolicDim {
  private constructor();
  private readonly symbolic: true;
}
/** null: only running tells it. */
export type OpDim = number | SymbolicDim | null;

/** What a CustomOp is. */
export interface CustomOpOptions {
  /** By default ["x"]. A name alone is an input of any dtype. */
  inputs?: ReadonlyArray<string | {
    name: string;
    /** Those that it takes; without them every one. */
    dtypes?: readonly DType[];
    /** The node may leave it out. */
    optional?: boolean;
    /** With rowsIndependent: every row may depend on all of it. */
    whole?: boolean;
  }>;
  /** By default ["y"]. A name alone is an output of the dtype of the first input. */
  outputs?: ReadonlyArray<string | {
    name: string;
    dtype?: DType;
    /** Without a dtype: the input that has it, by default 0. */
    sameAs?: number;
    /** The node may leave it out. */
    optional?: boolean;
  }>;
  /** {name: type}, or {name: {type, required}}: a node without a required one is refused. */
  attributes?: Readonly<Record<string, AttributeType | {type: AttributeType; required?: boolean}>>;
  /** The dims of the outputs from those of the inputs (null: even the rank is not known, or the input is left out), as far as
   * they are known before running. Without it only running tells them. */
  shapes?: (inputs: Array<OpDim[] | null>, attributes: Attributes) => ReadonlyArray<readonly OpDim[] | null>;
  /** The oldest opset version of the domain that this is for, by default 1; of equal names the newest that is not above the
   * model's is taken. */
  sinceVersion?: number;
  /** The last input may be given any number of times. */
  variadic?: boolean;
  /** A batch may be cut: row i along axis 0 of every output depends on row i of each input that is not whole. */
  rowsIndependent?: boolean;
  /** It computes in float16 where a model is converted; else it stays in float32. */
  float16?: boolean;
  /** Equal inputs may give different outputs. */
  indeterminate?: boolean;
}

/** Computes the outputs of one run of a node: a tensor, or an array of one an output. `inputs` has null for one that is left
 * out; their data lies in the library's memory, is only to be read, and has no elements once the function has returned.
 * `outputs` has the dtype of each output that the node lists, or null for one that nobody reads and that need not be made; a
 * result without a dtype is of that one. Results are copied. */
export type Compute = (inputs: Array<Tensor | null>, attributes: Attributes, outputs: ReadonlyArray<DType | null>) =>
  TensorLike | ReadonlyArray<TensorLike | null | undefined>;

/** An operator that ONNX lacks, for `customOps`. Its functions are called on the thread of JavaScript that made it, one call at a
 * time, while a thread of the engine waits: by the event loop, and within functions that wait in place. What they throw fails the
 * run, with the node's name; a SpinelError keeps its code. They must not be async. An engine that they refer to is only freed by
 * release(). */
export class CustomOp {
  /** domain and name are those in the model; "" is ONNX's own domain. */
  constructor(domain: string, name: string, compute: Compute, options?: CustomOpOptions);
  readonly domain: string;
  readonly name: string;
}
