"""Custom operators whose kernels are Python functions over numpy arrays."""
from __future__ import annotations

import ctypes
import dataclasses
import itertools
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _abi
from ._library import InvalidArgumentError, SpinelError, call, create, encode, lib
from ._tensors import Array, borrow, dtype_number, number_of_array, numpy_dtype, read_string, read_strings, view

Shape = Sequence[Any]  # Numbers, or None for a dim that is not known.


@dataclasses.dataclass(frozen=True)
class OpInput:
    """An input of a CustomOp.

    Attributes:
        dtypes: those that it takes; none: every one.
        optional: the node may leave it out.
        whole: with rows_independent: every row may depend on all of it.
    """
    name: str
    dtypes: Sequence[Any] = ()
    optional: bool = False
    whole: bool = False


@dataclasses.dataclass(frozen=True)
class OpOutput:
    """An output of a CustomOp.

    Attributes:
        dtype: its type; None: that of input number `same_as`.
        optional: the node may leave it out.
    """
    name: str
    dtype: Any = None
    same_as: int = 0
    optional: bool = False


def _copy_tensor(address: int) -> Array:
    tensor = _abi.spinel_tensor.from_address(address)
    return read_strings(tensor) if tensor.dtype == _abi.spinel_dtype.STRING else borrow(tensor, None).copy()


def _number(value: Any) -> Any:
    return value.value


# The kinds of attributes: the number, the name in the table of functions, what C writes, and what Python makes of it. Arrays
# come as (pointer, count).
_kinds: dict[Any, tuple[int, str, Any, Callable[[Any], Any]]] = {
    float: (_abi.spinel_attribute_type.ATTRIBUTE_FLOAT, 'attribute_float', ctypes.c_float, _number),
    int: (_abi.spinel_attribute_type.ATTRIBUTE_INT, 'attribute_int', ctypes.c_int64, _number),
    str: (_abi.spinel_attribute_type.ATTRIBUTE_STRING, 'attribute_string', _abi.spinel_string, read_string),
    'floats': (_abi.spinel_attribute_type.ATTRIBUTE_FLOATS, 'attribute_floats', ctypes.c_float, float),
    'ints': (_abi.spinel_attribute_type.ATTRIBUTE_INTS, 'attribute_ints', ctypes.c_int64, int),
    'strings': (_abi.spinel_attribute_type.ATTRIBUTE_STRINGS, 'attribute_strings', _abi.spinel_string, read_string),
    'tensor': (_abi.spinel_attribute_type.ATTRIBUTE_TENSOR, 'attribute_tensor', ctypes.c_void_p,
               lambda pointer: _copy_tensor(pointer.value)),
}


class CustomOp:
    """An operator that ONNX lacks, for InferEngine(custom_ops=[...]).

    Args:
        domain, name: as in the model.
        compute: called with the input arrays (None for one that is left out) and the attributes as keywords; returns
            the output array, or a tuple of them (None for one that the node leaves out). The inputs are read-only and only
            valid during the call. Several threads may call it at once, each with the GIL.
        inputs: their number, or names and OpInput objects.
        outputs: their number, or names and OpOutput objects; a name alone is one of the dtype of the first input.
        attributes: {name: kind}, a kind being float, int, str, "floats", "ints", "strings" or "tensor" (an array); an
            attribute that a node lacks is not passed.
        required: the attributes without which a node is refused.
        shapes: called with the inputs' shapes (None for unknown dims, or for an unknown rank) and the attributes; returns
            the outputs' shapes. Without it only running tells them.
        dtypes: the outputs' dtypes, where they are not that of the first input.
        rows_independent: row i along axis 0 of every output depends on row i of each input that is not whole: batches may
            be cut.
        since_version: the oldest opset version of the domain that this is for.
        variadic: the last input may be given any number of times.
        float16: it computes in float16 where a model is converted; else it stays in float32.
        indeterminate: equal inputs may give different outputs.
    """

    def __init__(self, domain: str, name: str, compute: Callable[..., Any], *, inputs: int | Sequence[str | OpInput] = 1,
                 outputs: int | Sequence[str | OpOutput] = 1, attributes: Mapping[str, Any] | None = None,
                 required: Sequence[str] = (), shapes: Callable[..., Sequence[Shape | None]] | None = None,
                 dtypes: Sequence[Any] | None = None, rows_independent: bool = False, since_version: int = 1,
                 variadic: bool = False, float16: bool = False, indeterminate: bool = False) -> None:
        self.domain, self.name = domain, name
        self._compute, self._shapes = compute, shapes
        self._attributes = dict(attributes or {})
        for each, kind in self._attributes.items():
            if kind not in _kinds:
                raise InvalidArgumentError(f"attribute '{each}' is of kind {kind!r}; there are float, int, str, 'floats', 'ints', "
                                           "'strings' and 'tensor'")
        if not set(required) <= set(self._attributes):
            raise InvalidArgumentError(f'required names {sorted(set(required) - set(self._attributes))}, which attributes does not')
        ins = [f'x{i}' for i in range(inputs)] if isinstance(inputs, int) else inputs
        outs = [f'y{i}' for i in range(outputs)] if isinstance(outputs, int) else outputs
        in_list = [OpInput(each) if isinstance(each, str) else each for each in ins]
        out_list = [OpOutput(each) if isinstance(each, str) else each for each in outs]
        if dtypes is not None:
            if len(dtypes) != len(out_list):
                raise InvalidArgumentError(f'{len(dtypes)} dtypes for {len(out_list)} outputs')
            out_list = [dataclasses.replace(each, dtype=dtype) for each, dtype in zip(out_list, dtypes)]
        self._keep: list[Any] = []
        self._inputs = (_abi.spinel_op_input * len(in_list))()
        for input_struct, given in zip(self._inputs, in_list):
            numbers = (ctypes.c_int32 * len(given.dtypes))(*(dtype_number(dtype) for dtype in given.dtypes))
            self._keep.append(numbers)
            input_struct.name, input_struct.optional, input_struct.whole = encode(given.name), given.optional, given.whole
            input_struct.dtypes, input_struct.dtype_count = (ctypes.addressof(numbers) if len(numbers) else None), len(numbers)
        self._outputs = (_abi.spinel_op_output * len(out_list))()
        for output_struct, output in zip(self._outputs, out_list):
            output_struct.name, output_struct.dtype = encode(output.name), dtype_number(output.dtype)
            output_struct.same_as, output_struct.optional = output.same_as, output.optional
        self._attribute_structs = (_abi.spinel_op_attribute * len(self._attributes))()
        for attribute_struct, (each, kind) in zip(self._attribute_structs, self._attributes.items()):
            attribute_struct.name, attribute_struct.type, attribute_struct.required = encode(each), _kinds[kind][0], each in required
        self._nodes: dict[int, dict[str, Any]] = {}  # The attributes of each node of the loaded models.
        self._next_node = itertools.count(1).__next__
        op = self._struct = _abi.spinel_custom_op()
        lib.spinel_custom_op_init(ctypes.byref(op), ctypes.sizeof(op))
        op.domain, op.name, op.since_version = encode(domain), encode(name), since_version
        op.inputs, op.input_count = ctypes.addressof(self._inputs), len(in_list)
        op.outputs, op.output_count = ctypes.addressof(self._outputs), len(out_list)
        op.attributes, op.attribute_count = ctypes.addressof(self._attribute_structs), len(self._attributes)
        op.rows_independent, op.variadic = bool(rows_independent), bool(variadic)
        op.float16, op.indeterminate = bool(float16), bool(indeterminate)
        op.create = _abi.spinel_op_create(self._on_create)
        op.compute = _abi.spinel_op_compute(self._on_compute)
        op.destroy = _abi.spinel_op_destroy(self._on_destroy)
        if shapes is not None:
            op.shapes = _abi.spinel_op_shapes(self._on_shapes)

    def _on_create(self, api_address: int, context: int, user: int | None, state: int) -> int:
        api = _abi.spinel_op_api.from_address(api_address)

        def body() -> None:
            attributes = self._read_attributes(api, context)
            key = self._next_node()
            self._nodes[key] = attributes
            ctypes.c_void_p.from_address(state).value = key
        return self._guard(api, context, body)

    def _on_destroy(self, user: int | None, state: int | None) -> None:
        self._nodes.pop(state or 0, None)

    def _on_shapes(self, api_address: int, context: int, user: int | None) -> int:
        api = _abi.spinel_op_api.from_address(api_address)
        return self._guard(api, context, lambda: self._infer(api, context))

    def _on_compute(self, api_address: int, context: int, user: int | None, state: int | None) -> int:
        api = _abi.spinel_op_api.from_address(api_address)
        return self._guard(api, context, lambda: self._run(api, context, self._nodes[state or 0]))

    @staticmethod
    def _guard(api: _abi.spinel_op_api, context: int, body: Callable[[], None]) -> int:
        """No exception crosses to C: it becomes the message of the failure."""
        try:
            body()
            return int(_abi.spinel_code.OK)
        except SpinelError as error:
            api.set_error(context, encode(str(error)))
            return int(_abi.spinel_code.__members__.get(error.code.upper(), _abi.spinel_code.INTERNAL))
        except MemoryError as error:
            api.set_error(context, encode(str(error) or 'out of memory'))
            return int(_abi.spinel_code.OUT_OF_MEMORY)
        except BaseException as error:
            api.set_error(context, encode(f'{type(error).__name__}: {error}'))
            return int(_abi.spinel_code.INVALID_ARGUMENT if isinstance(error, ValueError) else _abi.spinel_code.INTERNAL)

    def _read_attributes(self, api: _abi.spinel_op_api, context: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, kind in self._attributes.items():
            _, function, struct, convert = _kinds[kind]
            count = ctypes.c_size_t()
            several = kind in ('floats', 'ints', 'strings')
            value = ctypes.c_void_p() if several else struct()
            targets = [ctypes.addressof(value), ctypes.addressof(count)] if several else [ctypes.addressof(value)]
            code = getattr(api, function)(context, encode(name), *targets)
            if code == _abi.spinel_code.NOT_FOUND:
                continue
            if code != _abi.spinel_code.OK:
                raise ValueError(f"the attribute '{name}' cannot be read")
            if several:
                out[name] = [convert(each) for each in (struct * count.value).from_address(value.value)] if count.value else []
            else:
                out[name] = convert(value)
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

    def _run(self, api: _abi.spinel_op_api, context: int, attributes: dict[str, Any]) -> None:
        arrays: list[Array | None] = []
        for i in range(api.input_count(context)):
            address = api.input(context, i)
            if not address:
                arrays.append(None)
                continue
            tensor = _abi.spinel_tensor.from_address(address)
            is_string = tensor.dtype == _abi.spinel_dtype.STRING
            arrays.append(read_strings(tensor) if is_string else borrow(tensor, None))
        results = self._compute(*arrays, **attributes)
        if not isinstance(results, tuple):
            results = (results,)
        if len(results) != len(self._outputs):
            raise ValueError(f'{self.domain}::{self.name} gave {len(results)} outputs; it has {len(self._outputs)}')
        for i, result in enumerate(results):
            if i < api.output_count(context) and api.wants_output(context, i):
                if result is None:
                    raise ValueError(f'output {i} is None')
                self._give(api, context, i, np.asarray(result), arrays)

    def _give(self, api: _abi.spinel_op_api, context: int, index: int, array: Array, inputs: Sequence[Any]) -> None:
        declared = self._outputs[index]
        number = declared.dtype or number_of_array(np.asarray(inputs[declared.same_as]))
        if number_of_array(array) != number:
            raise ValueError(f'output {index} is {array.dtype}; it must be {numpy_dtype(number)}')
        tensor, _keep = view(array)
        if number == _abi.spinel_dtype.STRING:
            given = api.output_strings(context, index, tensor.dims, tensor.rank, tensor.data) == _abi.spinel_code.OK
        else:
            buffer = api.output(context, index, tensor.dims, tensor.rank)
            given = bool(buffer) or not tensor.size_bytes
            if given and tensor.size_bytes:
                ctypes.memmove(buffer, tensor.data, tensor.size_bytes)
        if not given:
            raise ValueError(f'output {index} has the shape {list(array.shape)}, which is not what shapes() said')


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
