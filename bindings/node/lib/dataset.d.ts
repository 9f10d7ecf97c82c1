import {Preprocessor, SpinelError, Tensor, TensorLike} from '../index';

/** A file and its class, if that is known. */
export interface Sample {
  readonly path: string | URL;
  readonly label?: number | null;
}

/** Files in the order in which a loader takes them. */
export interface Dataset {
  samples: Array<{path: string; label: number | null}>;
  /** The names of the classes, in the order of their labels. */
  classes: string[];
  /** What lies in the folder and is not part of the dataset, a message each. */
  notes: string[];
}

/** The images of root/CLASS/IMAGE: classes sorted by name, a class's index is its label, images sorted within their class. What
 * a file holds is not looked at. */
export function openDataset(root: string | URL): Promise<Dataset>;
/** The files of one folder in name order, without classes. */
export function listDataset(folder: string | URL): Promise<Dataset>;

/** How samples are put into batches. */
export interface LoaderOptions {
  /** Samples a batch, by default 1. */
  batchSize?: number;
  /** Stop after so many; 0, the default, means no limit. */
  maxBatches?: number;
  /** Threads that preprocess, by default 4; with 0 the one that waits for a batch does the work, which is not JavaScript's. */
  workers?: number;
  /** Batches prepared ahead, by default 2; bounds the memory. */
  prefetch?: number;
  /** Leave out a last batch of fewer samples. */
  dropLast?: boolean;
  /** This process takes samples rank, rank + world, ... of the dataset. */
  rank?: number;
  world?: number;
}

/** A batch in the order of the dataset. */
export interface Batch {
  /** [N, 3, H, W], in memory of the library's; no rows when every sample was rejected. */
  tensor: Tensor;
  /** One a row; null where not known. */
  labels: Array<number | null>;
  /** One a row: the sample's place in the dataset. */
  indices: number[];
  paths: string[];
  /** Samples that could not be used. */
  rejected: Array<{index: number; path: string; error: SpinelError}>;
  /** Work on this batch, summed over its samples. */
  preprocessSeconds: number;
  /** How long it was waited for. */
  waitSeconds: number;
}

/** What the batches given since the start amount to: attempted = done + rejected; dropped ones were never attempted. */
export interface Ledger {
  attempted: number;
  done: number;
  rejected: number;
  dropped: number;
}

/** Preprocesses a dataset in batches, ahead of time, in threads of the library that start with the first batch. Each
 * `for await` begins again with the first batch; one at a time. */
export class DataLoader implements AsyncIterable<Batch> {
  /** Without a preprocessor: the preset "imagenet". */
  constructor(dataset: {readonly samples: readonly Sample[]} | readonly Sample[], preprocess?: Preprocessor | null,
              options?: LoaderOptions);
  /** Batches of one pass. */
  readonly batchCount: number;
  /** Samples that one pass attempts. */
  readonly sampleCount: number;
  readonly ledger: Ledger;
  [Symbol.asyncIterator](): AsyncIterator<Batch, undefined>;
  /** Ends the threads once the batch under way is done. Other calls then fail with code "released". */
  release(): void;
  [Symbol.dispose](): void;
}

/** Counts right answers over batches; every sample weighs the same. */
export class Accuracy {
  /** k, by default 5, is that of the top-k count. */
  constructor(k?: number);
  /** Counts a batch: scores [N, classes] (trailing dims of 1 allowed), float32 or float16, and N labels. Ties go to the lower
   * class, a row with NaN counts as wrong. If it fails nothing is counted. */
  add(scores: TensorLike, labels: Iterable<number>): void;
  /** Adds the counts of another one; its k must be the same. */
  merge(other: Accuracy): void;
  /** top1 and topk are fractions in [0, 1]; 0 before the first sample. */
  readonly counts: {k: number; count: number; top1Hits: number; topkHits: number; top1: number; topk: number};
}

/** How far a tensor a is from a tensor b. */
export interface Difference {
  /** sqrt(sum (a-b)^2 / sum b^2); infinite if only the numerator is not 0. */
  diff2: number;
  /** Maximum, and mean, of |a-b|/|b| where |b| > threshold, of |a-b| elsewhere. */
  diff3Max: number;
  diff3Mean: number;
  /** Maximum of |a-b|. */
  absMax: number;
  /** Elements compared. */
  count: number;
  nanActual: number;
  nanExpected: number;
  infActual: number;
  infExpected: number;
  /** Pairs of which one is NaN or infinite and the other is not the same; if there is one, the measures are infinite. */
  mismatchedNonfinite: number;
}

/** Compares tensors of equal dims, whose dtypes may be any numeric ones. A threshold below 0, the default: 1e-4 if actual is of
 * a 16-bit float type, else 1e-6. */
export function difference(actual: TensorLike, expected: TensorLike, threshold?: number): Difference;
