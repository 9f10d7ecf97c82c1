"""Image folders, and a loader that preprocesses their images into batches ahead of time; metrics."""
from __future__ import annotations

import ctypes
import dataclasses
import os
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import _abi
from ._images import Preprocessor, Rejected
from ._library import call, char_array, create, encode, lib, sized, strings, text
from ._tensors import Array, borrow, view


class Dataset:
    """Files and their classes (-1 where not known).

    ImageFolder and image_files() make one from folders.
    """

    def __init__(self, paths: Sequence[Any], labels: Sequence[int] | None = None, *, _handle: int = 0) -> None:
        if not _handle:
            names = char_array(paths)
            numbers = None if labels is None else np.ascontiguousarray(labels, np.int64)
            if numbers is not None and numbers.shape != (len(names),):
                raise ValueError(f'{len(names)} paths, but labels of shape {numbers.shape}')
            _handle = create(lib.spinel_dataset_create, ctypes.addressof(names),
                             None if numbers is None else numbers.ctypes.data, len(names))
        self._handle = _handle
        weakref.finalize(self, lib.spinel_dataset_release, _handle)
        self.classes = strings(lib.spinel_dataset_classes(_handle))
        self.notes = strings(lib.spinel_dataset_notes(_handle))

    def __len__(self) -> int:
        return int(lib.spinel_dataset_size(self._handle))

    def __getitem__(self, index: int) -> tuple[str, int]:
        """(path, label)."""
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')
        sample = _abi.spinel_sample()
        call(lib.spinel_dataset_sample, self._handle, index, ctypes.addressof(sample))
        return os.fsdecode(sample.path), int(sample.label)


class ImageFolder(Dataset):
    """root/<class>/<image>: classes sorted by name, a class's index is its label.

    `classes` are their names, `notes` say what lies in the folder and is not part of the dataset.
    """

    def __init__(self, root: Any) -> None:
        super().__init__([], _handle=create(lib.spinel_dataset_open, encode(root)))


def image_files(folder: Any) -> Dataset:
    """The files of one folder in name order, without classes."""
    return Dataset([], _handle=create(lib.spinel_dataset_list, encode(folder)))


@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch in the order of the dataset; `tensor` is [len(indices), 3, H, W], a read-only view without copies."""
    tensor: Array
    labels: Array
    indices: Array
    paths: list[str]
    rejected: list[Rejected]
    preprocess_seconds: float
    wait_seconds: float

    def __len__(self) -> int:
        return len(self.indices)


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Counts of samples: attempted = done + rejected; dropped ones were never attempted."""
    attempted: int
    done: int
    rejected: int
    dropped: int


class _BatchHandle:
    def __init__(self, handle: int) -> None:
        self.value = handle
        weakref.finalize(self, lib.spinel_batch_release, handle).atexit = False


class DataLoader:
    """Preprocesses a dataset in batches, in threads of the library, without the GIL. Iterating again begins again.

    Args:
        dataset: a Dataset, or the root of an image folder.
        preprocess: what is done to each image.
        batch_size, drop_last, max_batches: samples a batch; whether a short last one is left out; an end (0: none).
        workers, prefetch: threads (0: the caller's) and batches ahead.
        rank, world: this process takes samples rank, rank + world, ...
    """

    def __init__(self, dataset: Dataset | Any, preprocess: Preprocessor | None = None, batch_size: int = 1, *,
                 workers: int = 4, prefetch: int = 2, drop_last: bool = False, rank: int = 0, world: int = 1,
                 max_batches: int = 0) -> None:
        self.dataset = dataset if isinstance(dataset, Dataset) else ImageFolder(dataset)
        options = _abi.spinel_loader_options()
        lib.spinel_loader_options_init(ctypes.byref(options), ctypes.sizeof(options))
        options.batch_size, options.max_batches = batch_size, max_batches
        options.workers, options.prefetch, options.drop_last = workers, prefetch, bool(drop_last)
        options.rank, options.world = rank, world
        self._handle = create(lib.spinel_loader_create, self.dataset._handle,
                              None if preprocess is None else ctypes.addressof(preprocess._struct),
                              ctypes.addressof(options))
        weakref.finalize(self, lib.spinel_loader_release, self._handle)
        self._started = False

    def __len__(self) -> int:
        """Batches of one pass."""
        return int(lib.spinel_loader_batch_count(self._handle))

    @property
    def sample_count(self) -> int:
        return int(lib.spinel_loader_sample_count(self._handle))

    @property
    def ledger(self) -> Ledger:
        """What the batches given since the start amount to."""
        out = sized(_abi.spinel_ledger)
        call(lib.spinel_loader_ledger, self._handle, ctypes.addressof(out))
        return Ledger(out.attempted, out.done, out.rejected, out.dropped)

    def __iter__(self) -> Iterator[Batch]:
        if self._started:
            call(lib.spinel_loader_restart, self._handle)
        self._started = True
        while handle := create(lib.spinel_loader_next, self._handle):
            yield _batch(_BatchHandle(handle))


def _copy(address: int | None, count: int, kind: Any) -> Array:
    if not count or not address:
        return np.empty(0, kind)
    block = (ctypes.c_int64 * count).from_address(address)
    return np.frombuffer(memoryview(block), dtype=kind).copy()


def _batch(handle: _BatchHandle) -> Batch:
    info = sized(_abi.spinel_batch_info)
    call(lib.spinel_batch_describe, handle.value, ctypes.addressof(info))
    tensor = _abi.spinel_tensor.from_address(info.tensor)
    paths = (ctypes.c_char_p * info.size).from_address(info.paths) if info.size else ()
    structs = (_abi.spinel_rejected * info.rejected_count).from_address(info.rejected) if info.rejected_count else ()
    rejected = [Rejected(each.index, os.fsdecode(each.path), text(lib.spinel_code_name(each.code)), text(each.reason))
                for each in structs]
    return Batch(borrow(tensor, handle), _copy(info.labels, info.size, np.int64),
                 _copy(info.indices, info.size, np.int64), [os.fsdecode(path) for path in paths], rejected,
                 info.preprocess_seconds, info.wait_seconds)


class Accuracy:
    """Counts right answers over batches; every sample weighs the same."""

    def __init__(self, k: int = 5) -> None:
        self._handle = create(lib.spinel_accuracy_create, k)
        weakref.finalize(self, lib.spinel_accuracy_release, self._handle)

    def add(self, scores: Any, labels: Any) -> None:
        """Counts a batch: scores [N, classes], float32 or float16, and N labels."""
        tensor, keep = view(scores)
        numbers = np.ascontiguousarray(labels, np.int64)
        call(lib.spinel_accuracy_add, self._handle, ctypes.addressof(tensor), numbers.ctypes.data, numbers.size)
        del keep

    def merge(self, other: Accuracy) -> None:
        call(lib.spinel_accuracy_merge, self._handle, other._handle)

    def _counts(self) -> _abi.spinel_accuracy_counts:
        out = sized(_abi.spinel_accuracy_counts)
        call(lib.spinel_accuracy_get, self._handle, ctypes.addressof(out))
        return out

    @property
    def count(self) -> int:
        return int(self._counts().count)

    @property
    def top1(self) -> float:
        """The fraction of samples whose best class is right; 0 before the first sample."""
        return float(self._counts().top1)

    @property
    def topk(self) -> float:
        """The fraction of samples whose k best classes hold the right one."""
        return float(self._counts().topk)


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far a tensor a is from a tensor b: diff2 = sqrt(sum (a-b)^2 / sum b^2), diff3 = |a-b|/|b| where
    |b| > threshold, else |a-b|."""
    diff2: float
    diff3_max: float
    diff3_mean: float
    abs_max: float
    count: int
    nan_actual: int
    nan_expected: int
    inf_actual: int
    inf_expected: int
    mismatched_nonfinite: int


def difference(actual: Any, expected: Any, threshold: float = -1) -> Difference:
    """Compares arrays of equal shapes. threshold below 0: 1e-4 for a 16-bit float `actual`, else 1e-6."""
    a, keep_a = view(actual)
    b, keep_b = view(expected)
    out = sized(_abi.spinel_difference)
    call(lib.spinel_tensor_difference, ctypes.addressof(a), ctypes.addressof(b), threshold, ctypes.addressof(out))
    del keep_a, keep_b
    return Difference(*(getattr(out, field.name) for field in dataclasses.fields(Difference)))
