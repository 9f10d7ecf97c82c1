"""Custom operators whose kernels are Python functions over numpy arrays."""
from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _abi
from ._library import call, create, encode, lib, text
from ._tensors import Array, borrow, dtype_number, numpy_dtype, read_strings

Shape = Sequence[Any]  # Numbers, or None for a dim that is not known.
_kinds: dict[Any, tuple[int, str]] = {
    float: (_abi.spinel_attribute_type.ATTRIBUTE_FLOAT, 'attribute_float'),
    int: (_abi.spinel_attribute_type.ATTRIBUTE_INT, 'attribute_int'),
    str: (_abi.spinel_attribute_type.ATTRIBUTE_STRING, 'attribute_string'),
    'floats': (_abi.spinel_attribute_type.ATTRIBUTE_FLOATS, 'attribute_floats'),
    'ints': (_abi.spinel_attribute_type.ATTRIBUTE_INTS, 'attribute_ints'),
}


class CustomOp:
    """An operator that ONNX lacks, for InferEngine(custom_ops=[...]).

    Args:
        domain, name: as in the model.
        compute: called with the input arrays (None for one that is left out) and the attributes as keywords; returns
            the output array, or a tuple of them. The inputs are read-only and only valid during the call. Several
            threads may call it at once, each with the GIL.
        inputs: their number, or their names.
        outputs: their number, or their names; their dtype is that of the first input unless `dtypes` says otherwise.
        attributes: {name: kind}, a kind being float, int, str, "floats" or "ints"; an attribute that a node lacks is
            not passed.
        shapes: called with the inputs' shapes (None for unknown dims, or for an unknown rank) and the attributes; returns
            the outputs' shapes. Without it only running tells them.
        dtypes: the outputs' dtypes, where they are not that of the first input.
        rows_independent: row i along axis 0 of every output depends on row i of each input alone: batches may be cut.
        since_version: the oldest opset version of the domain that this is for.
    """

    def __init__(self, domain: str, name: str, compute: Callable[..., Any], *, inputs: int | Sequence[str] = 1,
                 outputs: int | Sequence[str] = 1, attributes: Mapping[str, Any] | None = None,
                 shapes: Callable[..., Sequence[Shape]] | None = None, dtypes: Sequence[Any] | None = None,
                 rows_independent: bool = False, since_version: int = 1) -> None:
        self.domain, self.name = domain, name
        self._compute, self._shapes = compute, shapes
        self._attributes = dict(attributes or {})
        in_names = [f'x{i}' for i in range(inputs)] if isinstance(inputs, int) else list(inputs)
        out_names = [f'y{i}' for i in range(outputs)] if isinstance(outputs, int) else list(outputs)
        self._outputs = len(out_names)
        self._inputs = (_abi.spinel_op_input * len(in_names))()
        for struct, each in zip(self._inputs, in_names):
            struct.name = encode(each)
        self._output_structs = (_abi.spinel_op_output * len(out_names))()
        for i, (struct, each) in enumerate(zip(self._output_structs, out_names)):
            struct.name = encode(each)
            struct.dtype = 0 if dtypes is None else dtype_number(dtypes[i])
        self._attribute_structs = (_abi.spinel_op_attribute * len(self._attributes))()
        for struct, (each, kind) in zip(self._attribute_structs, self._attributes.items()):
            struct.name, struct.type = encode(each), _kinds[kind][0]
        op = self._struct = _abi.spinel_custom_op()
        lib.spinel_custom_op_init(ctypes.byref(op), ctypes.sizeof(op))
        op.domain, op.name, op.since_version = encode(domain), encode(name), since_version
        op.inputs, op.input_count = ctypes.addressof(self._inputs), len(in_names)
        op.outputs, op.output_count = ctypes.addressof(self._output_structs), len(out_names)
        op.attributes, op.attribute_count = ctypes.addressof(self._attribute_structs), len(self._attributes)
        op.rows_independent = bool(rows_independent)
        op.compute = _abi.spinel_op_compute(self._on_compute)
        if shapes is not None:
            op.shapes = _abi.spinel_op_shapes(self._on_shapes)

    def _on_shapes(self, api_address: int, context: int, user: int | None) -> int:
        api = _abi.spinel_op_api.from_address(api_address)
        return self._guard(api, context, lambda: self._infer(api, context))

    def _on_compute(self, api_address: int, context: int, user: int | None, state: int | None) -> int:
        api = _abi.spinel_op_api.from_address(api_address)
        return self._guard(api, context, lambda: self._run(api, context))

    @staticmethod
    def _guard(api: _abi.spinel_op_api, context: int, body: Callable[[], None]) -> int:
        """No exception crosses to C: it becomes the message of the failure."""
        try:
            body()
            return int(_abi.spinel_code.OK)
        except MemoryError as error:
            api.set_error(context, encode(str(error) or 'out of memory'))
            return int(_abi.spinel_code.OUT_OF_MEMORY)
        except BaseException as error:
            api.set_error(context, encode(f'{type(error).__name__}: {error}'))
            return int(_abi.spinel_code.INVALID_ARGUMENT if isinstance(error, ValueError) else _abi.spinel_code.INTERNAL)

    def _read_attributes(self, api: _abi.spinel_op_api, context: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, kind in self._attributes.items():
            function = getattr(api, _kinds[kind][1])
            if kind in ('floats', 'ints'):
                item: Any = ctypes.c_float if kind == 'floats' else ctypes.c_int64
                values, count = ctypes.c_void_p(), ctypes.c_size_t()
                if function(context, encode(name), ctypes.addressof(values), ctypes.addressof(count)) == 0:
                    out[name] = list((item * count.value).from_address(values.value)) if values.value else []
                continue
            value = {float: ctypes.c_float, int: ctypes.c_int64, str: _abi.spinel_string}[kind]()
            if function(context, encode(name), ctypes.addressof(value)) == 0:
                out[name] = text(ctypes.string_at(ctypes.c_void_p.from_buffer(value).value or 0, value.size_bytes)
                                 ) if kind is str else value.value
        return out

    def _infer(self, api: _abi.spinel_op_api, context: int) -> None:
        shapes: list[Any] = []
        for i in range(api.input_count(context)):
            rank = api.input_rank(context, i)
            # A number below -1 stands for an expression of the model's symbols, which is passed on as it is.
            shapes.append(None if rank < 0 else tuple(
                _dim(api.input_dim(context, i, axis)) for axis in range(rank)))
        found = self._shapes(*shapes, **self._read_attributes(api, context)) if self._shapes else []
        for i, shape in enumerate(found):
            rank = -1 if shape is None else len(shape)
            dims = (ctypes.c_int64 * max(rank, 1))(*(-1 if dim is None else int(dim) for dim in shape or ()))
            if api.set_output(context, i, 0, ctypes.addressof(dims), rank) != 0:
                raise ValueError(f'the shape {shape} of output {i} was refused')

    def _run(self, api: _abi.spinel_op_api, context: int) -> None:
        arrays: list[Array | None] = []
        for i in range(api.input_count(context)):
            address = api.input(context, i)
            if not address:
                arrays.append(None)
                continue
            tensor = _abi.spinel_tensor.from_address(address)
            is_string = tensor.dtype == _abi.spinel_dtype.STRING
            arrays.append(read_strings(tensor) if is_string else borrow(tensor, None))
        results = self._compute(*arrays, **self._read_attributes(api, context))
        if not isinstance(results, tuple):
            results = (results,)
        if len(results) != self._outputs:
            raise ValueError(f'{self.domain}::{self.name} gave {len(results)} outputs; it has {self._outputs}')
        for i, result in enumerate(results):
            if i < api.output_count(context) and api.wants_output(context, i):
                self._give(api, context, i, np.asarray(result), arrays)

    def _give(self, api: _abi.spinel_op_api, context: int, index: int, array: Array, inputs: Sequence[Any]) -> None:
        declared = self._output_structs[index].dtype
        wanted = numpy_dtype(declared) if declared else np.asarray(inputs[0]).dtype
        if array.dtype != wanted:
            raise ValueError(f'output {index} is {array.dtype}; it must be {wanted}')
        dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        buffer = api.output(context, index, ctypes.addressof(dims), array.ndim)
        if not buffer and array.nbytes:
            raise ValueError(f'output {index} has the shape {list(array.shape)}, which is not what shapes() said')
        if array.nbytes:
            ctypes.memmove(buffer, np.ascontiguousarray(array).ctypes.data, array.nbytes)


class _Dim(int):
    """A dim that stands for an expression: it can be passed on, not computed with."""

    def _refuse(self, other: object) -> Any:
        raise ValueError('a dim that is not known before running can be passed on, not computed with; give None')

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __floordiv__ = __truediv__ = __mod__ = _refuse


def _dim(number: int) -> int | None:
    return None if number == -1 else number if number >= 0 else _Dim(number)


class OpSet:
    """Operators for engines: CustomOp objects, and paths of shared libraries that export spinel_custom_ops().

    Loading a library runs its code: name only what you trust.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self.handle = create(lib.spinel_op_set_create)
        weakref.finalize(self, lib.spinel_op_set_release, self.handle)
        self.items = list(items)
        for item in self.items:
            if isinstance(item, CustomOp):
                call(lib.spinel_op_set_add, self.handle, ctypes.addressof(item._struct))
            else:
                call(lib.spinel_op_set_load, self.handle, encode(os.fspath(item)))
