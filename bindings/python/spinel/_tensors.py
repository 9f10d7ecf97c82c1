"""numpy arrays as the C ABI's tensors, without copies."""
from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _abi
from ._library import InvalidArgumentError, UnsupportedError, lib, sized

Array = NDArray[Any]

_names = {
    'float32': np.float32, 'float64': np.float64, 'float16': np.float16, 'uint8': np.uint8, 'int8': np.int8,
    'uint16': np.uint16, 'int16': np.int16, 'uint32': np.uint32, 'int32': np.int32, 'uint64': np.uint64,
    'int64': np.int64, 'bool': np.bool_, 'complex64': np.complex64, 'complex128': np.complex128,
}
_to_numpy: dict[int, np.dtype[Any]] = {}
_from_numpy: dict[np.dtype[Any], int] = {}


def _register(number: int, kind: Any) -> None:
    _to_numpy[number] = np.dtype(kind)
    _from_numpy.setdefault(np.dtype(kind), number)


for _number in _abi.spinel_dtype:
    if _number.name.lower() in _names:
        _register(int(_number), _names[_number.name.lower()])
try:  # Gives numpy the types that it lacks.
    import ml_dtypes
    for _type in ('bfloat16', 'float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz'):
        _register(int(_abi.spinel_dtype[_type.replace('_', '').upper()]), getattr(ml_dtypes, _type))
except ImportError:
    pass


def dtype_name(number: int) -> str:
    name: bytes = lib.spinel_dtype_name(number)
    return name.decode()


def dtype_number(kind: Any) -> int:
    """The spinel_dtype of a numpy dtype or of a name such as "float16"; 0 for None."""
    if kind is None or kind == '':
        return 0
    if isinstance(kind, str) and kind.upper() in _abi.spinel_dtype.__members__:
        return int(_abi.spinel_dtype[kind.upper()])
    try:
        return _from_numpy[np.dtype(kind)]
    except (TypeError, KeyError):
        raise InvalidArgumentError(f'{kind!r} is no element type that Spinel knows') from None


def numpy_dtype(number: int) -> np.dtype[Any]:
    """The numpy dtype of a spinel_dtype. Strings are objects."""
    if number == _abi.spinel_dtype.STRING:
        return np.dtype(object)
    try:
        return _to_numpy[number]
    except KeyError:
        raise UnsupportedError(f'numpy has no type for {dtype_name(number)} elements; bfloat16 and float8 need the '
                               'package ml_dtypes') from None


def number_of_array(array: Array) -> int:
    kind = array.dtype
    number = _from_numpy.get(kind)
    if number is not None:
        return number
    if kind == object or kind.kind in 'SU':
        return int(_abi.spinel_dtype.STRING)
    raise InvalidArgumentError(f'arrays of {kind} have no Spinel type')


class _Strings:
    """The C view of an array of strings."""

    def __init__(self, array: Array) -> None:
        self.texts = [each if isinstance(each, bytes) else str(each).encode('utf-8', 'surrogateescape')
                      for each in array.ravel().tolist()]
        self.structs = (_abi.spinel_string * len(self.texts))()
        for struct, each in zip(self.structs, self.texts):
            struct.data = each
            struct.size_bytes = len(each)


def fill(tensor: _abi.spinel_tensor, array: Array) -> tuple[Any, object]:
    """Makes *tensor a view of the array, which must be C-contiguous. Returns what must live as long: the dims first."""
    dims = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor.struct_size = ctypes.sizeof(_abi.spinel_tensor)
    tensor.dims = ctypes.addressof(dims)
    tensor.rank = array.ndim
    tensor.dtype = number_of_array(array)
    if tensor.dtype == _abi.spinel_dtype.STRING:
        texts = _Strings(array)
        tensor.data = ctypes.addressof(texts.structs)
        tensor.size_bytes = ctypes.sizeof(texts.structs)
        return dims, texts
    tensor.data = array.__array_interface__['data'][0]
    tensor.size_bytes = array.nbytes
    return dims, array


def view(array: Any) -> tuple[_abi.spinel_tensor, object]:
    """One array as a tensor, and what must live as long."""
    contiguous = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
    tensor = sized(_abi.spinel_tensor)
    return tensor, fill(tensor, contiguous)


def _dims(tensor: _abi.spinel_tensor) -> tuple[int, ...]:
    return tuple((ctypes.c_int64 * tensor.rank).from_address(tensor.dims)) if tensor.rank else ()


def _memory(tensor: _abi.spinel_tensor, owner: object) -> Array:
    """The array over a tensor's data; `owner` is kept alive by it."""
    block = (ctypes.c_uint8 * tensor.size_bytes).from_address(tensor.data) if tensor.size_bytes else b''
    if tensor.size_bytes:
        block._spinel_owner = owner
    return np.frombuffer(block, dtype=numpy_dtype(tensor.dtype)).reshape(_dims(tensor))


def borrow(tensor: _abi.spinel_tensor, owner: object) -> Array:
    """A read-only array over a tensor that belongs to `owner`."""
    array = _memory(tensor, owner)
    array.flags.writeable = False
    return array


class _Owned:
    """A tensor that the library allocated; freed with the last array over it."""

    def __init__(self, tensor: _abi.spinel_tensor) -> None:
        self.tensor = tensor
        weakref.finalize(self, lib.spinel_tensor_release, ctypes.byref(tensor)).atexit = False


def take(tensor: _abi.spinel_tensor) -> Array:
    """The array of a tensor that the library allocated."""
    own = _abi.spinel_tensor.from_buffer_copy(tensor)
    if own.dtype != _abi.spinel_dtype.STRING:
        try:
            return _memory(own, _Owned(own))
        except UnsupportedError:
            lib.spinel_tensor_release(ctypes.byref(own))
            raise
    try:
        return read_strings(own)
    finally:
        lib.spinel_tensor_release(ctypes.byref(own))


def read_string(struct: _abi.spinel_string) -> str:
    """A text, copied."""
    start = ctypes.c_void_p.from_buffer(struct).value  # Its first member; as bytes it would end at a NUL.
    return ctypes.string_at(start, struct.size_bytes).decode('utf-8', 'surrogateescape') if start else ''


def read_strings(tensor: _abi.spinel_tensor) -> Array:
    """The texts of a string tensor, copied."""
    count = tensor.size_bytes // ctypes.sizeof(_abi.spinel_string)
    structs = (_abi.spinel_string * count).from_address(tensor.data) if count else ()
    texts = np.empty(count, dtype=object)
    for i, each in enumerate(structs):
        texts[i] = read_string(each)
    return texts.reshape(_dims(tensor))
