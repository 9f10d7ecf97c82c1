"""What an engine says of itself: inputs, outputs, memory, passes, layers."""
from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, List

import numpy as np

from . import _abi
from ._library import call, create, lib, shape_array, sized, strings, text
from ._tensors import dtype_name, numpy_dtype

_kinds = {_abi.spinel_value_kind.KIND_TENSOR: 'tensor', _abi.spinel_value_kind.KIND_SEQUENCE: 'sequence',
          _abi.spinel_value_kind.KIND_OPTIONAL: 'optional'}


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: as the model calls it.
        kind: "tensor", "sequence" or "optional"; of the others than tensors name and element alone mean something.
        element: what is in a sequence or an optional, without a name; None for a tensor.
        dtype: the element type's name, such as "float32"; see `numpy_dtype`.
        shape: None where a dim is dynamic; None as a whole if the model leaves the rank open.
        dim_names: one a dim, the name or expression of a dynamic dim, else "".
        batch_axis: the axis that is split over the SPAs, or None.
    """
    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    dim_names: tuple[str, ...]
    batch_axis: int | None
    kind: str = 'tensor'
    element: TensorInfo | None = None
    _number: int = dataclasses.field(repr=False, default=0)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        return numpy_dtype(self._number)


@dataclasses.dataclass(frozen=True)
class MemoryReport:
    """Bytes that an engine holds or will hold; `unplanned` names values whose size only running tells."""
    weight_bytes: int
    arena_bytes_per_spa: int
    scratch_bytes_per_spa: int
    total_bytes: int
    spas: int
    unplanned: list[str]


@dataclasses.dataclass(frozen=True)
class PassReport:
    """What one graph pass did: `notes` are (node, text, refused), `found` counts operators that it looks for."""
    name: str
    enabled: bool
    changes: int
    notes: list[tuple[str, str, bool]]
    notes_left_out: int
    found: dict[str, int]


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """One layer of a profiled run."""
    name: str
    op: str
    kernel: str
    sources: list[str]
    start_ns: int
    duration_ns: int
    flops: float


class Profile(List[LayerTime]):
    """The layers of one run in the order in which they ran; `duration_ns` is that of the whole run."""
    duration_ns: int = 0


@dataclasses.dataclass(frozen=True)
class LayerValue:
    """A value of the ONNX file that a compiled model still computes; what lies inside a merged layer is gone.

    Attributes:
        name: of the value in the ONNX file.
        dtype: what the layer computes.
        shape: in the file's order of axes; None where a dim is not known; None as a whole if the rank is open.
        layer: place of the layer that computes it in the order of execution.
        node, op: the layer's name and operator.
        sources: the ONNX nodes that the layer stands for.
        inputs: the layer's inputs that have a name in the file, without constants.
    """
    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    layer: int
    node: str
    op: str
    sources: list[str]
    inputs: list[str]


def texts(address: int | None, count: int) -> list[str]:
    return [text(each) for each in (ctypes.c_char_p * count).from_address(address)] if count and address else []


def _shape(address: int | None, rank: int, has_rank: int) -> tuple[int | None, ...] | None:
    if not has_rank:
        return None
    dims: Any = (ctypes.c_int64 * rank).from_address(address) if rank and address else ()
    return tuple(None if dim < 0 else dim for dim in dims)


def read_port(function: Callable[..., int], handle: int, index: int) -> TensorInfo:
    info = sized(_abi.spinel_tensor_info)
    call(function, handle, index, ctypes.addressof(info))
    return _port(info)


def _port(info: _abi.spinel_tensor_info) -> TensorInfo:
    element = _port(_abi.spinel_tensor_info.from_address(info.element)) if info.element else None
    return TensorInfo(text(info.name), dtype_name(info.dtype), _shape(info.dims, info.rank, info.has_rank),
                      tuple(texts(info.dim_names, info.rank)), None if info.batch_axis < 0 else info.batch_axis,
                      _kinds.get(info.kind, 'unknown'), element, info.dtype)


def read_memory(handle: int, shapes: Sequence[Sequence[int]]) -> MemoryReport:
    array, keep = shape_array(shapes)
    report = sized(_abi.spinel_memory_report)
    unplanned = ctypes.c_void_p()
    call(lib.spinel_engine_memory, handle, ctypes.addressof(array) if shapes else None, len(shapes),
         ctypes.addressof(report), ctypes.addressof(unplanned))
    try:
        names = strings(unplanned.value or 0)
    finally:
        lib.spinel_strings_release(unplanned)
    return MemoryReport(report.weight_bytes, report.arena_bytes_per_spa, report.scratch_bytes_per_spa,
                        report.total_bytes, report.spas, names)


def read_passes(handle: int) -> list[PassReport]:
    out = []
    for i in range(lib.spinel_engine_pass_count(handle)):
        info = sized(_abi.spinel_pass_info)
        call(lib.spinel_engine_pass, handle, i, ctypes.addressof(info))
        notes = (_abi.spinel_pass_note * info.note_count).from_address(info.notes) if info.note_count else ()
        found = (_abi.spinel_pass_found * info.found_count).from_address(info.found) if info.found_count else ()
        out.append(PassReport(text(info.name), bool(info.enabled), info.changes,
                              [(text(note.node), text(note.text), bool(note.refused)) for note in notes],
                              info.notes_left_out, {text(each.op): each.count for each in found}))
    return out


def read_profile(profile: int) -> Profile:
    """The layers of a profile, which is released."""
    try:
        out = Profile()
        out.duration_ns = int(lib.spinel_profile_duration_ns(profile))
        for i in range(lib.spinel_profile_layer_count(profile)):
            layer = sized(_abi.spinel_layer_time)
            call(lib.spinel_profile_layer, profile, i, ctypes.addressof(layer))
            out.append(LayerTime(text(layer.name), text(layer.op), text(layer.kernel),
                                 texts(layer.sources, layer.source_count), layer.start_ns, layer.duration_ns, layer.flops))
        return out
    finally:
        lib.spinel_profile_release(profile)


def layer_value(struct: _abi.spinel_layer_value) -> LayerValue:
    return LayerValue(text(struct.name), dtype_name(struct.dtype), _shape(struct.dims, struct.rank, struct.has_rank),
                      struct.layer, text(struct.node), text(struct.op), texts(struct.sources, struct.source_count),
                      texts(struct.inputs, struct.input_count))


def read_layer_values(handle: int, shapes: Sequence[Sequence[int]]) -> list[LayerValue]:
    array, keep = shape_array(shapes)
    values = create(lib.spinel_engine_layer_values, handle, ctypes.addressof(array) if shapes else None, len(shapes))
    try:
        out = []
        for i in range(lib.spinel_layer_values_count(values)):
            struct = sized(_abi.spinel_layer_value)
            call(lib.spinel_layer_values_get, values, i, ctypes.addressof(struct))
            out.append(layer_value(struct))
        return out
    finally:
        lib.spinel_layer_values_release(values)
