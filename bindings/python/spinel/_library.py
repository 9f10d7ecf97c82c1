"""libspinel.so: found, loaded and declared. Everything that crosses to C goes through here."""
from __future__ import annotations

import ctypes
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from . import _abi


class SpinelError(Exception):
    """What Spinel could not do: what, where, why and what to do about it.

    Attributes:
        code: the name of the C ABI's code, such as "bad_model".
        node: the ONNX node that failed, or "".
    """

    _kind = 'internal'

    def __init__(self, message: str, code: str = '', node: str = '') -> None:
        super().__init__(message)
        self.code = code or self._kind
        self.node = node


class InvalidArgumentError(SpinelError, ValueError):
    """An option, shape, dtype or name is not what the call takes."""
    _kind = 'invalid_argument'


class NotFoundError(SpinelError, LookupError):
    """A file, folder, input, output or target that was named does not exist."""
    _kind = 'not_found'


class ModelError(SpinelError):
    """The ONNX file is damaged or breaks the specification."""
    _kind = 'bad_model'


class DataError(SpinelError, ValueError):
    """An image, array or label file is damaged or not of a known format."""
    _kind = 'bad_data'


class UnsupportedError(SpinelError, NotImplementedError):
    """Valid, but this build or version cannot do it."""
    _kind = 'unsupported'


class LimitError(SpinelError):
    """One of the limits would be exceeded."""
    _kind = 'limit_exceeded'


class OutOfMemoryError(SpinelError, MemoryError):
    """There is no memory for it."""
    _kind = 'out_of_memory'


class CancelledError(SpinelError):
    """The caller cancelled the work."""
    _kind = 'cancelled'


class ReleasedError(SpinelError):
    """The engine was released."""
    _kind = 'released'


_errors: dict[int, type[SpinelError]] = {
    _abi.spinel_code.INVALID_ARGUMENT: InvalidArgumentError,
    _abi.spinel_code.NOT_FOUND: NotFoundError,
    _abi.spinel_code.BAD_MODEL: ModelError,
    _abi.spinel_code.BAD_DATA: DataError,
    _abi.spinel_code.UNSUPPORTED: UnsupportedError,
    _abi.spinel_code.LIMIT_EXCEEDED: LimitError,
    _abi.spinel_code.OUT_OF_MEMORY: OutOfMemoryError,
    _abi.spinel_code.CANCELLED: CancelledError,
    _abi.spinel_code.RELEASED: ReleasedError,
}


def _load() -> ctypes.CDLL:
    """The library of the package; without one (a distribution's package of this binding) that of the system."""
    own = pathlib.Path(__file__).parent / 'lib' / 'libspinel.so.0'
    try:
        library = ctypes.CDLL(str(own) if own.exists() else 'libspinel.so.0')
    except OSError as error:
        raise ImportError(f'{error}: spinel needs its library, which `pip install` puts at {own}') from error
    for name, (result, parameters) in _abi.FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(f'{library._name} lacks {name}: it is older than this package') from None
        function.restype = result
        function.argtypes = parameters
    return library


lib = _load()
T = TypeVar('T', bound=ctypes.Structure)


def text(value: bytes | None) -> str:
    return '' if value is None else value.decode('utf-8', 'surrogateescape')


def encode(value: Any) -> bytes:
    """UTF-8 for C. Paths are taken as they are."""
    import os
    return value.encode('utf-8', 'surrogateescape') if isinstance(value, str) else os.fsencode(value)


def encode_or_none(value: Any) -> bytes | None:
    return None if value is None or value == '' else encode(value)


def error_of(handle: int | None, code: int) -> SpinelError:
    """The exception for an owned spinel_error, which is released."""
    kind = _errors.get(code, SpinelError)
    name = text(lib.spinel_code_name(code))
    if not handle:
        return kind(name, name)
    try:
        return kind(text(lib.spinel_error_message(handle)), name, text(lib.spinel_error_node(handle)))
    finally:
        lib.spinel_error_release(handle)


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function whose last parameter is the error, which becomes an exception."""
    error = ctypes.c_void_p()
    code = function(*arguments, ctypes.byref(error))
    if code:
        raise error_of(error.value, code)


def create(function: Callable[..., int], *arguments: Any) -> int:
    """Calls a function that gives a handle in the parameter before the error."""
    handle = ctypes.c_void_p()
    call(function, *arguments, ctypes.byref(handle))
    return handle.value or 0


def sized(kind: type[T]) -> T:
    """A struct with its struct_size set."""
    out = kind()
    setattr(out, 'struct_size', ctypes.sizeof(kind))
    return out


def strings(handle: int) -> list[str]:
    """The texts of a list that stays its owner's."""
    return [text(lib.spinel_strings_get(handle, i)) for i in range(lib.spinel_strings_count(handle))]


def owned_strings(function: Callable[..., int], *arguments: Any) -> list[str]:
    """The texts of a list that a function gives."""
    handle = create(function, *arguments)
    try:
        return strings(handle)
    finally:
        lib.spinel_strings_release(handle)


def char_array(values: Iterable[Any]) -> ctypes.Array[ctypes.c_char_p]:
    encoded = [encode(value) for value in values]
    return (ctypes.c_char_p * len(encoded))(*encoded)


def shape_array(shapes: Sequence[Sequence[int]]) -> tuple[Any, list[Any]]:
    """spinel_shape structs, and what must live as long as they."""
    dims = [(ctypes.c_int64 * len(shape))(*shape) for shape in shapes]
    array = (_abi.spinel_shape * len(shapes))()
    for struct, own, shape in zip(array, dims, shapes):
        struct.dims = ctypes.addressof(own)
        struct.rank = len(shape)
    return array, dims


def check_size(given: int, wanted: int, what: str) -> None:
    if given != wanted:
        raise InvalidArgumentError(f'{given} {what}; {wanted} are needed')
