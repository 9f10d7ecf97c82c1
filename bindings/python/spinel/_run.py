"""Runs: their buffers, and the futures of those in the background."""
from __future__ import annotations

import atexit
import ctypes
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from . import _abi
from ._library import InvalidArgumentError, SpinelError, call, char_array, create, error_of, lib, shape_array
from ._reports import LayerValue, TensorInfo, layer_value
from ._tensors import Array, borrow, dtype_name, fill, number_of_array, numpy_dtype, read_strings, take

_tensor_bytes = ctypes.sizeof(_abi.spinel_tensor)
_string = int(_abi.spinel_dtype.STRING)


class CancelToken:
    """Cancels loads and runs from another thread. Once cancelled it stays so."""

    def __init__(self) -> None:
        self._handle = create(lib.spinel_cancel_token_create)
        weakref.finalize(self, lib.spinel_cancel_token_release, self._handle)

    def cancel(self) -> None:
        lib.spinel_cancel_token_cancel(self._handle)

    @property
    def cancelled(self) -> bool:
        return bool(lib.spinel_cancel_token_is_cancelled(self._handle))


_in_callback = threading.local()


def _release_engine(handle: int, keep: object) -> None:
    """Frees an engine, and then what its callbacks use."""
    lib.spinel_engine_release(handle)


class Handle:
    """The C engine. It is freed when the last user is gone, so that release() cannot pull it from under a run, or at exit."""

    def __init__(self, handle: int, keep: object) -> None:
        self.value = handle
        self.keep = keep
        _handles.add(self)

    def __del__(self) -> None:
        # Freeing waits for the engine's callbacks: in one of them, another thread does it.
        if self.value and getattr(_in_callback, 'active', False):
            threading.Thread(target=_release_engine, args=(self.value, self.keep)).start()
        elif self.value:
            _release_engine(self.value, self.keep)


_handles: weakref.WeakSet[Handle] = weakref.WeakSet()


@atexit.register
def _release_all() -> None:
    for handle in list(_handles):
        value, handle.value = handle.value, 0
        _release_engine(value, handle.keep)


class Plan:
    """What calls with inputs of the same shapes and types share: structs without their data pointers."""

    def __init__(self, handle: Handle, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo],
                 arrays: Sequence[Array]) -> None:
        self.inputs = (_abi.spinel_tensor * len(arrays))()
        self.keep = []
        for info, tensor, array in zip(inputs, self.inputs, arrays):
            number = number_of_array(array)
            if number != info._number:
                raise InvalidArgumentError(f"input '{info.name}' takes {info.dtype}, but the array is {dtype_name(number)} "
                                           f'{list(array.shape)}; convert it with astype()')
            self.keep.append(fill(tensor, array) if number == _string else _layout(tensor, array))
        self.has_strings = any(each.dtype == _string for each in self.inputs)
        self.outputs = (_abi.spinel_tensor * len(outputs))()
        self.output_shapes: list[tuple[int, ...] | None] = []
        self.output_dtypes: list[Any] = []
        shapes, dims = shape_array([array.shape for array in arrays])
        for i, (info, tensor) in enumerate(zip(outputs, self.outputs)):
            tensor.struct_size = _tensor_bytes
            shape = None if info._number == _string else _output_shape(handle.value, shapes, i)
            self.output_shapes.append(shape)
            self.output_dtypes.append(None if shape is None else numpy_dtype(info._number))
            if shape is not None:
                self.keep.append(_layout(tensor, np.empty(shape, self.output_dtypes[i])))
        self.input_bytes = bytes(self.inputs)
        self.output_bytes = bytes(self.outputs)
        self.inputs_type = type(self.inputs)
        self.outputs_type = type(self.outputs)


def _layout(tensor: _abi.spinel_tensor, array: Array) -> object:
    keep = fill(tensor, array)
    tensor.data = None
    return keep[0]


def _output_shape(handle: int, shapes: Any, index: int) -> tuple[int, ...] | None:
    dims = (ctypes.c_int64 * 32)()
    rank, known = ctypes.c_size_t(), ctypes.c_int32()
    call(lib.spinel_engine_output_dims, handle, ctypes.addressof(shapes) if len(shapes) else None, len(shapes), index,
         ctypes.addressof(dims), len(dims), ctypes.addressof(rank), ctypes.addressof(known))
    return tuple(dims[:rank.value]) if known.value else None


class Call:
    """The buffers of one run."""

    def __init__(self, plan: Plan, ports: Sequence[TensorInfo], arrays: list[Array],
                 outputs: Sequence[Array | None] | None) -> None:
        self.plan = plan
        self.arrays = arrays
        if plan.has_strings:
            self.inputs = plan.inputs_type()
            self.keep = [fill(tensor, array) for tensor, array in zip(self.inputs, arrays)]
        else:
            self.inputs = plan.inputs_type.from_buffer_copy(plan.input_bytes)
            for tensor, array in zip(self.inputs, arrays):
                tensor.data = array.__array_interface__['data'][0]
        self.outputs = plan.outputs_type.from_buffer_copy(plan.output_bytes)
        self.results: list[Array | None] = []
        for i, shape in enumerate(plan.output_shapes):
            given = None if outputs is None else outputs[i]
            if given is not None:
                self._check_output(ports[i], given, shape, plan.output_dtypes[i])
                array = given
            elif shape is None:
                self.results.append(None)
                continue
            else:
                array = np.empty(shape, plan.output_dtypes[i])
            self.outputs[i].data = array.__array_interface__['data'][0]
            self.results.append(array)

    @staticmethod
    def _check_output(info: TensorInfo, array: Array, shape: tuple[int, ...] | None, kind: Any) -> None:
        if shape is None:
            raise InvalidArgumentError(f"only running tells the size of output '{info.name}'; give None for it")
        if (not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != kind
                or not array.flags.c_contiguous or not array.flags.writeable):
            raise InvalidArgumentError(f"output '{info.name}' needs a writable C-contiguous {kind} array of shape "
                                       f'{list(shape)}')

    def finish(self) -> list[Array]:
        return [take(tensor) if array is None else array for tensor, array in zip(self.outputs, self.results)]


class RunFuture(Future[Any]):
    """A run in the background: a concurrent.futures.Future that may also be awaited."""

    _request = 0

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio
        return asyncio.wrap_future(self).__await__()

    def cancel(self) -> bool:
        """Asks the run to end soon; it then raises CancelledError, unless it is finished first."""
        if self.done():
            return False
        with _requests_lock:
            if self._request:
                lib.spinel_request_cancel(self._request)
        return True


_requests_lock = threading.Lock()
_requests: dict[int, tuple[RunFuture, Call, Handle, bool]] = {}
_next_request = iter(range(1, 1 << 62)).__next__


def _on_finished(key: int) -> None:
    """On the engine's thread. The request is released here, as the library allows."""
    _in_callback.active = True
    try:
        _deliver(key)
    finally:
        _in_callback.active = False


_finished = _abi.spinel_finished_callback(_on_finished)


def _deliver(key: int) -> None:
    with _requests_lock:
        future, run, _, single = _requests.pop(key)
        request, future._request = future._request, 0
    error = ctypes.c_void_p()
    finished = ctypes.c_int32()
    code = lib.spinel_request_wait(request, 0, ctypes.byref(finished), ctypes.byref(error))
    lib.spinel_request_release(request)
    try:
        if code:
            future.set_exception(error_of(error.value, code))
        else:
            results = run.finish()
            future.set_result(results[0] if single else results)
    except Exception as failure:
        future.set_exception(failure)


def start(handle: Handle, run: Call, single: bool) -> RunFuture:
    """Queues a run. `single`: its result is its one output."""
    future = RunFuture()
    request = create(lib.spinel_engine_run_async, handle.value, run.inputs, len(run.inputs), run.outputs, len(run.outputs))
    future.set_running_or_notify_cancel()
    key = _next_request()
    with _requests_lock:
        future._request = request
        _requests[key] = future, run, handle, single
    call(lib.spinel_request_on_finished, request, _finished, key)
    return future


class _Inspection:
    """The callbacks of one inspection, which are never called at once. What the function raises is kept."""

    def __init__(self, function: Callable[[LayerValue, Array], Any]) -> None:
        self.function = function
        self.raised: BaseException | None = None
        self.replacement: tuple[str, Any] | None = None
        self.keep: object = None

    def _guard(self, body: Callable[[], None]) -> int:
        _in_callback.active = True
        try:
            body()
            return int(_abi.spinel_code.OK)
        except BaseException as error:
            self.raised = error
            return int(_abi.spinel_code.CANCELLED)
        finally:
            _in_callback.active = False

    def check_used(self) -> None:
        if self.replacement is not None:
            raise InvalidArgumentError(f"'{self.replacement[0]}' cannot be replaced: it is a view of another value, or the "
                                       'target cannot do it')

    def see(self, user: int | None, value_address: int, tensor_address: int) -> int:
        def body() -> None:
            self.check_used()
            value = layer_value(_abi.spinel_layer_value.from_address(value_address))
            tensor = _abi.spinel_tensor.from_address(tensor_address)
            array = read_strings(tensor) if tensor.dtype == _string else borrow(tensor, None).copy()
            result = self.function(value, array)
            self.replacement = None if result is None else (value.name, result)
        return self._guard(body)

    def replace(self, user: int | None, value_address: int, tensor_address: int) -> int:
        def body() -> None:
            if self.replacement is not None:
                array = np.ascontiguousarray(self.replacement[1]).reshape(np.shape(self.replacement[1]))
                self.keep = array, fill(_abi.spinel_tensor.from_address(tensor_address), array)
                self.replacement = None
        return self._guard(body)


def inspect(handle: Handle, run: Call, names: Sequence[str], function: Callable[[LayerValue, Array], Any],
            cancel: CancelToken | None, replaces: bool) -> None:
    """Runs and calls the function, which may be in another thread. What it raises is raised."""
    calls = _Inspection(function)
    given = char_array(names)
    arguments = handle.value, run.inputs, len(run.inputs), given if names else None, len(given)
    rest = None, run.outputs, len(run.outputs), None if cancel is None else cancel._handle
    see = _abi.spinel_inspect_callback(calls.see)
    try:
        if replaces:
            call(lib.spinel_engine_replace, *arguments, see, _abi.spinel_replace_callback(calls.replace), *rest)
        else:
            call(lib.spinel_engine_inspect, *arguments, see, *rest)
    except SpinelError:
        if calls.raised is not None:
            raise calls.raised from None
        raise
    calls.check_used()
