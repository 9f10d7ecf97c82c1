import {DType, Engine, SpinelError, Tensor, TensorLike} from '../index';

/** A path, an encoded image, or pixels: a tensor uint8 [height, width, 3], RGB. Buffers must not change until the image was
 * read. */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | TensorLike;

/** What replaces a preset's settings. */
export interface PreprocessOptions {
  /** A JSON file with these keys and `preset`. */
  file?: string | URL;
  /** The shorter side after resizing; 0 keeps the image's size. */
  resize?: number;
  /** A number or [height, width]. */
  crop?: number | readonly [number, number];
  /** Of RGB in [0, 1]. */
  mean?: readonly [number, number, number];
  std?: readonly [number, number, number];
  interpolation?: 'bilinear' | 'bicubic' | 'nearest';
  dtype?: 'float32' | 'float16';
  maxImagePixels?: number;
}

/** Images to tensors: decode, resize, centre crop, normalise, channels first; torchvision's result, bit for bit. */
export class Preprocessor {
  /** preset: "imagenet" (default) or "efficientnet-lite". */
  constructor(preset?: string, options?: PreprocessOptions);
  /** Of one image: [3, height, width]. */
  readonly dims: readonly [number, number, number];
  readonly dtype: DType;
  /** Fits these options to an engine's input [N, 3, H, W]: its dtype, its size where it is fixed. Returns this. */
  forEngine(engine: Engine, inputIndex?: number): this;
  /** For a network of that input: the crop is it, resize its shorter side times 256/224. Returns this. */
  forInputSize(height: number, width: number): this;
  /** One image or a list of images as [N, 3, H, W], off the event loop. One that cannot be used is an error. */
  run(images: ImageSource | readonly ImageSource[]): Promise<Tensor>;
  /** run() while the thread waits. */
  runSync(images: ImageSource | readonly ImageSource[]): Tensor;
  /** The images that can be used as rows, their places in the list, and what is wrong with the others. */
  batch(images: readonly ImageSource[]): Promise<{
    tensor: Tensor;
    indices: number[];
    rejected: Array<{index: number; source: ImageSource; error: SpinelError}>;
  }>;
}

/** An image as uint8 [height, width, 3], RGB: what Pillow's convert('RGB') gives. */
export function decodeImage(image: string | URL | Uint8Array | ArrayBuffer): Promise<Tensor>;
/** decodeImage() while the thread waits. */
export function decodeImageSync(image: string | URL | Uint8Array | ArrayBuffer): Tensor;

export interface Answer {
  index: number;
  /** A probability; without softmax the network's score. */
  score: number;
  /** Where labels were given. */
  label?: string;
}

/** For each row of scores, [N, classes] of float32 or float16, its k best classes, the best first. softmax, by default true,
 * makes probabilities of them first. */
export function topK(scores: TensorLike, k?: number,
                     options?: {softmax?: boolean; labels?: readonly string[]}): Answer[][];
/** Softmax over the last axis, in float32. */
export function softmax(logits: TensorLike): Tensor;
/** The names of a synset file: "n02124075 Egyptian cat" is an Egyptian cat. Another number than `classes` is an error, unless
 * that is 0. */
export function loadLabels(path: string | URL, classes?: number): string[];
