"""Sequences and optionals: lists of arrays, and None."""
from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _abi
from ._library import call, create, lib, sized
from ._tensors import take, view


class _Scope:
    """Values that are to be released, and the arrays that they refer to."""

    def __init__(self) -> None:
        self.handles: list[int] = []
        self.keep: list[object] = []

    def own(self, handle: int) -> int:
        self.handles.append(handle)
        return handle

    def release(self) -> None:
        for handle in self.handles:
            lib.spinel_value_release(handle)

    def make(self, item: Any) -> int:
        """A value: of a list or tuple a sequence, of None an empty optional, else a tensor."""
        if item is None:
            return self.own(create(lib.spinel_value_create_empty))
        if isinstance(item, (list, tuple)):
            elements = (ctypes.c_void_p * len(item))(*(self.make(each) for each in item))
            return self.own(create(lib.spinel_value_create_sequence, ctypes.addressof(elements), len(item)))
        tensor, keep = view(item)
        self.keep.append(keep)
        return self.own(create(lib.spinel_value_create_tensor, ctypes.addressof(tensor)))

    def read(self, handle: int) -> Any:
        kind = lib.spinel_value_get_kind(handle)
        if kind == _abi.spinel_value_kind.KIND_OPTIONAL:
            return None
        if kind == _abi.spinel_value_kind.KIND_SEQUENCE:
            return [self.read(self.own(create(lib.spinel_value_get_element, handle, i)))
                    for i in range(lib.spinel_value_count(handle))]
        tensor = sized(_abi.spinel_tensor)
        call(lib.spinel_value_get_tensor, handle, ctypes.addressof(tensor))
        array = take(tensor)
        if array.dtype != np.dtype(object):
            array.flags.writeable = False  # Other results may share its elements.
        return array


def run_values(engine: int, inputs: Sequence[Any], output_count: int, token: int | None) -> list[Any]:
    """Runs a model of any kinds of inputs and outputs."""
    scope = _Scope()
    try:
        given = (ctypes.c_void_p * len(inputs))(*(scope.make(each) for each in inputs))
        made = (ctypes.c_void_p * output_count)()
        call(lib.spinel_engine_run_values, engine, ctypes.addressof(given), len(given), ctypes.addressof(made), len(made), token)
        handles = [scope.own(handle) for handle in made if handle]
        return [scope.read(handle) for handle in handles]
    finally:
        scope.release()
