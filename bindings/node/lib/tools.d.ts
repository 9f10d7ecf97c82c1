import {CustomOp, Limits} from '../index';

/** How the file that a tool writes is compared with the one that it read: both run on the same random inputs. */
export interface CheckOptions {
  /** How often, by default 3, or 1 in convertModel(); 0: not at all. */
  runs?: number;
  /** A model that cannot be run, such as one with an unknown operator, is a failure. */
  required?: boolean;
  /** Dims of inputs for the check alone; without them some are tried. */
  inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Greatest difference over the greatest magnitude of an output that is accepted; by default 1e-5 for float32 and 5e-3 for 16-bit
   * floats, 0.05 in convertModel(). Integers, bools and strings must be equal. */
  tolerance?: number;
}

/** What both tools take. */
export interface ToolOptions {
  /** Weights go into a second file, "<out>.data". */
  externalData?: boolean;
  check?: CheckOptions;
  limits?: Limits;
  /** Operators that the model may use beside Spinel's own, and shared libraries of them. */
  customOps?: ReadonlyArray<CustomOp | string | URL>;
}

export interface SimplifyOptions extends ToolOptions {
  /** New dims of inputs; 0 or less leaves a dim as it is. A dim's name stands for one number in the whole model. */
  inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Of simplifySteps(), to leave out. */
  skipSteps?: readonly string[];
  /** Bytes by which a folded constant may exceed what vanishes with it, by default 1 MiB. */
  maxFoldedBytes?: number;
  /** Puts the bodies of the model's functions in place of their calls. */
  inlineFunctions?: boolean;
  /** Weights that are listed as inputs stay. */
  keepInitializerInputs?: boolean;
}

export interface ConvertOptions extends ToolOptions {
  /** Operators, and single nodes, that stay in float32, with casts around them. */
  keepOps?: readonly string[];
  keepNodes?: readonly string[];
  /** Of float16KeepList(), or of other domains: to be converted, too. */
  convertOps?: readonly string[];
  /** Inputs that stay float32. */
  keepInputs?: readonly string[];
  /** All inputs and outputs stay as they are. */
  keepIoTypes?: boolean;
}

/** What a tool has done. */
export interface ToolReport {
  /** Of the files, with external data. */
  bytesBefore: number;
  bytesAfter: number;
  /** {operator: number}, subgraphs and functions included. */
  operatorsBefore: Record<string, number>;
  operatorsAfter: Record<string, number>;
  /** Simplifying: {step: places that it has changed}. */
  changes: Record<string, number>;
  /** What was written. */
  files: string[];
  /** What the user should know, one sentence each. */
  notes: string[];
  /** Converting: nodes that stay in float32, as "name (operator)". */
  kept: string[];
  /** Converting: constants that have lost values: `clamped` elements became +-65504, `flushed` ones 0. */
  clamped: Array<{name: string; elements: number; clamped: number; flushed: number}>;
  /** Converting: constants that were converted. */
  convertedTensors: number;
  /** Why nothing was compared; "": it was, or was not asked for. */
  checkSkipped: string;
  checkRuns: number;
  /** Every output of every run had the same bits. */
  bitEqual: boolean;
  /** The greatest |new - old|; that of an output over the greatest |old| of it; the greatest ||new - old|| / ||old||. */
  maxDifference: number;
  relativeDifference: number;
  diff2: number;
}

/** Writes a model that computes the same with fewer nodes, and compares the two; off the event loop. The file `out` appears whole or
 * not at all; it does not if the new model computes something else, which is "internal". */
export function simplifyModel(model: string | URL, out: string | URL, options?: SimplifyOptions): Promise<ToolReport>;
/** Writes a model whose float32 values are float16 (weights, inputs, outputs and what is computed between them), and compares the
 * two, as simplifyModel() does. */
export function convertModel(model: string | URL, out: string | URL, options?: ConvertOptions): Promise<ToolReport>;
/** The steps of simplifyModel(), in order. */
export function simplifySteps(): string[];
/** The operators that convertModel() leaves in float32 unless convertOps names them. */
export function float16KeepList(): string[];
