"""Images to arrays, arrays to labels."""
from __future__ import annotations

import ctypes
import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import _abi
from ._engine import InferEngine
from ._library import InvalidArgumentError, call, encode, error_of, lib, owned_strings, sized
from ._options import limits_struct
from ._tensors import Array, dtype_name, dtype_number, numpy_dtype, take, view

Source = Any  # A path, encoded bytes, an RGB array [H, W, 3] of uint8, or a PIL image.


@dataclasses.dataclass(frozen=True)
class Rejected:
    """A sample that could not be used, and why."""
    index: int
    path: str
    code: str
    reason: str


def interpolations() -> dict[str, int]:
    kinds = _abi.spinel_interpolation
    return {'bilinear': kinds.BILINEAR, 'bicubic': kinds.BICUBIC, 'nearest': kinds.NEAREST}


class Preprocessor:
    """Decode, resize, centre crop, normalise, channels first: torchvision's result, bit for bit.

    Args:
        preset: "imagenet" or "efficientnet-lite"; the arguments below replace what it says.
        options: path of a JSON file with the same keys.
        resize: the shorter side after resizing; 0 keeps the image's size.
        crop: a number or (height, width).
        mean, std: of RGB in [0, 1].
        interpolation: "bilinear", "bicubic" or "nearest".
        dtype: "float32" or "float16".
    """

    def __init__(self, preset: str = 'imagenet', *, options: Any = None, resize: int | None = None,
                 crop: int | Sequence[int] | None = None, mean: Sequence[float] | None = None,
                 std: Sequence[float] | None = None, interpolation: str | None = None, dtype: Any = None,
                 max_image_pixels: int | None = None) -> None:
        out = self._struct = _abi.spinel_preprocess_options()
        lib.spinel_preprocess_options_init(ctypes.byref(out), ctypes.sizeof(out))
        pointer = ctypes.addressof(out)
        call(lib.spinel_preprocess_options_preset, pointer, encode(preset))
        if options is not None:
            call(lib.spinel_preprocess_options_load, pointer, encode(options))
        if resize is not None:
            out.resize = resize
        if crop is not None:
            out.crop_height, out.crop_width = (crop, crop) if isinstance(crop, int) else crop
        if mean is not None:
            out.mean[:] = list(mean)
        if std is not None:
            out.std[:] = list(std)
        if interpolation is not None:
            if interpolation not in interpolations():
                raise InvalidArgumentError(f'interpolation is {interpolation!r}; there are '
                                           f'{", ".join(interpolations())}')
            out.interpolation = interpolations()[interpolation]
        if dtype is not None:
            out.dtype = dtype_number(dtype)
        self._limits = limits_struct(None if max_image_pixels is None else {'max_image_pixels': max_image_pixels})
        if self._limits is not None:
            out.limits = ctypes.addressof(self._limits)

    def for_engine(self, engine: InferEngine, input_index: int = 0) -> Preprocessor:
        """These options fitted to an engine's input [N, 3, H, W]: its dtype, its size where it is fixed."""
        call(lib.spinel_preprocess_options_fit, ctypes.addressof(self._struct), engine._open().value, input_index)
        return self

    def for_input_size(self, height: int, width: int) -> Preprocessor:
        """These options for a network of that input: the crop is it, resize its shorter side times 256/224."""
        call(lib.spinel_preprocess_options_input_size, ctypes.addressof(self._struct), height, width)
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: (3, height, width)."""
        return 3, int(self._struct.crop_height), int(self._struct.crop_width)

    @property
    def dtype(self) -> str:
        return dtype_name(self._struct.dtype)

    def __call__(self, images: Source | Sequence[Source]) -> Array:
        """One image or a list of images as [N, 3, H, W]. The first that cannot be used is an error."""
        return self._run(_listed(images), None)

    def batch(self, images: Iterable[Source]) -> tuple[Array, list[int], list[Rejected]]:
        """(rows [done, 3, H, W], the place of each row in the list, what could not be used)."""
        sources = list(images)
        if not sources:
            return np.empty((0, *self.shape), numpy_dtype(self._struct.dtype)), [], []
        errors = (ctypes.c_void_p * len(sources))()
        rows = self._run(sources, errors)
        rejected, good = [], []
        for i, error in enumerate(errors):
            if not error:
                good.append(i)
                continue
            failure = error_of(error, lib.spinel_error_code(error))
            name = sources[i] if isinstance(sources[i], (str, os.PathLike)) else f'images[{i}]'
            rejected.append(Rejected(i, os.fspath(name), failure.code, str(failure)))
        return (rows if len(good) == len(rows) else rows[good]), good, rejected

    def _run(self, sources: list[Source], errors: Any) -> Array:
        images = (_abi.spinel_image * len(sources))()
        keep = [fill_image(struct, source) for struct, source in zip(images, sources)]
        rows = np.empty((len(sources), *self.shape), numpy_dtype(self._struct.dtype))
        batch, alive = view(rows)
        call(lib.spinel_preprocess_batch, ctypes.addressof(self._struct), ctypes.addressof(images), len(sources),
             ctypes.addressof(batch), errors)
        del keep, alive
        return rows


def _listed(images: Any) -> list[Any]:
    return list(images) if isinstance(images, (list, tuple)) else [images]


def fill_image(struct: _abi.spinel_image, source: Source) -> object:
    """Sets a spinel_image, and returns what must live as long as it."""
    struct.struct_size = ctypes.sizeof(struct)
    if isinstance(source, (str, os.PathLike)):
        struct.path = encode(source)
        return None
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = np.frombuffer(source, dtype=np.uint8)
        struct.encoded, struct.size_bytes = data.ctypes.data, data.nbytes
        return data
    if not isinstance(source, np.ndarray) and hasattr(source, 'convert'):
        source = source.convert('RGB')
    pixels = np.ascontiguousarray(source)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InvalidArgumentError(f'an image of pixels must be uint8 [height, width, 3], not {pixels.dtype} '
                                   f'{list(pixels.shape)}')
    struct.pixels, struct.height, struct.width = pixels.ctypes.data, pixels.shape[0], pixels.shape[1]
    return pixels


def decode_image(source: Source) -> Array:
    """An image file or encoded bytes as uint8 [height, width, 3], RGB: Pillow's convert('RGB')."""
    image, pixels = _abi.spinel_image(), sized(_abi.spinel_tensor)
    keep = fill_image(image, source)
    call(lib.spinel_image_decode, ctypes.addressof(image), None, ctypes.addressof(pixels))
    del keep
    return take(pixels)


def softmax(logits: Any) -> Array:
    """Softmax over the last axis, in float32."""
    tensor, keep = view(logits)
    out = sized(_abi.spinel_tensor)
    call(lib.spinel_softmax, ctypes.addressof(tensor), ctypes.addressof(out))
    del keep
    return take(out)


def top_k(scores: Any, k: int = 1, *, apply_softmax: bool = True) -> tuple[Array, Array]:
    """(classes [N, k], their probabilities or scores [N, k]), best first; scores is [N, classes]."""
    array = np.ascontiguousarray(scores)
    tensor, keep = view(array)
    capacity = max(array.size, 1)
    indices, values = np.empty(capacity, np.int64), np.empty(capacity, np.float32)
    found = ctypes.c_size_t()
    call(lib.spinel_top_k, ctypes.addressof(tensor), int(apply_softmax), k, indices.ctypes.data, values.ctypes.data,
         capacity, ctypes.addressof(found))
    del keep
    rows = array.shape[0] if array.ndim > 1 else 1
    used = rows * found.value
    return indices[:used].reshape(rows, -1), values[:used].reshape(rows, -1)


def load_labels(path: Any, classes: int = 0) -> list[str]:
    """The names of a synset file: "n02124075 Egyptian cat" is an Egyptian cat."""
    return owned_strings(lib.spinel_labels_load, encode(path), classes)


def preset_names() -> list[str]:
    """The presets that Preprocessor takes."""
    return owned_strings(lib.spinel_preset_names)


def postprocess(scores: Any, topk: int = 1, labels: Sequence[str] | None = None, *,
                apply_softmax: bool = True) -> list[list[dict[str, Any]]]:
    """For each row of scores its best answers: [{'score': 0.496, 'label': 'tiger cat'}]. Scores have four decimals."""
    indices, values = top_k(scores, topk, apply_softmax=apply_softmax)
    classes = np.shape(scores)[-1] if np.ndim(scores) < 3 else np.shape(scores)[1]
    if labels is not None and len(labels) != classes:
        raise InvalidArgumentError(f'{len(labels)} labels for {classes} classes')
    return [[{'score': round(float(value), 4), 'label': str(index) if labels is None else labels[index]}
             for index, value in zip(row.tolist(), scored.tolist())] for row, scored in zip(indices, values)]
