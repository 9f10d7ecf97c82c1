"""InferEngine: an ONNX model, compiled, run on numpy arrays."""
from __future__ import annotations

import ctypes
import dataclasses
import threading
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _abi
from ._library import (InvalidArgumentError, ReleasedError, call, create, error_of, lib, owned_strings, shape_array, sized,
                       strings, text)
from ._options import EngineOptions
from ._tensors import Array, dtype_name, fill, number_of_array, numpy_dtype, take

Inputs = Any  # An array, arrays in the order of engine.inputs, or a mapping from names.
_tensor_bytes = ctypes.sizeof(_abi.spinel_tensor)
_string = int(_abi.spinel_dtype.STRING)


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: as the model calls it.
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


class CancelToken:
    """Cancels runs from another thread. Once cancelled it stays so."""

    def __init__(self) -> None:
        self._handle = create(lib.spinel_cancel_token_create)
        weakref.finalize(self, lib.spinel_cancel_token_release, self._handle)

    def cancel(self) -> None:
        lib.spinel_cancel_token_cancel(self._handle)


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


_in_callback = threading.local()


def _release_engine(handle: int) -> None:
    """Frees an engine, which waits for its callbacks: in one of them, another thread does it."""
    if getattr(_in_callback, 'active', False):
        threading.Thread(target=lib.spinel_engine_release, args=(handle,)).start()
    else:
        lib.spinel_engine_release(handle)


class _Handle:
    """The C engine. It is freed when the last user is gone, so that release() cannot pull it from under a run."""

    def __init__(self, handle: int, keep: object) -> None:
        self.value = handle
        self.keep = keep
        weakref.finalize(self, _release_engine, handle)


class _Plan:
    """What calls with inputs of the same shapes and types share: structs without their data pointers."""

    def __init__(self, engine: InferEngine, handle: _Handle, arrays: Sequence[Array]) -> None:
        self.inputs = (_abi.spinel_tensor * len(arrays))()
        self.keep = []
        for info, tensor, array in zip(engine.inputs, self.inputs, arrays):
            number = number_of_array(array)
            if number != info._number:
                raise InvalidArgumentError(f"input '{info.name}' takes {info.dtype}, but the array is {dtype_name(number)} "
                                           f'{list(array.shape)}; convert it with astype()', 'invalid_argument')
            self.keep.append(fill(tensor, array) if number == _string else _layout(tensor, array))
        self.has_strings = any(each.dtype == _string for each in self.inputs)
        self.outputs = (_abi.spinel_tensor * len(engine.outputs))()
        self.output_shapes: list[tuple[int, ...] | None] = []
        self.output_dtypes: list[Any] = []
        shapes, dims = shape_array([array.shape for array in arrays])
        for i, (info, tensor) in enumerate(zip(engine.outputs, self.outputs)):
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


class _Call:
    """The buffers of one run."""

    def __init__(self, engine: InferEngine, handle: _Handle, arrays: list[Array],
                 outputs: Sequence[Array | None] | None) -> None:
        plan = engine._plan(handle, arrays)
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
                self._check_output(engine.outputs[i], given, shape, plan.output_dtypes[i])
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
            raise InvalidArgumentError(f"only running tells the size of output '{info.name}'; give None for it",
                                       'invalid_argument')
        if (not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != kind
                or not array.flags.c_contiguous or not array.flags.writeable):
            raise InvalidArgumentError(f"output '{info.name}' needs a writable C-contiguous {kind} array of shape "
                                       f'{list(shape)}', 'invalid_argument')

    def finish(self) -> list[Array]:
        return [take(tensor) if array is None else array for tensor, array in zip(self.outputs, self.results)]


_requests_lock = threading.Lock()
_requests: dict[int, tuple[RunFuture, _Call, _Handle, bool]] = {}
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


class InferEngine:
    """Loads an ONNX model, compiles it for a target and runs batches over the SPAs.

    Only `ckpt` is required, and not even that with `load_engine`. An engine is immutable: any number of threads may
    run it at once, and runs release the GIL. It is a context manager.

    Args:
        ckpt: path of the ONNX file, or its bytes.
        input_name: the names of the inputs in the caller's order; the default is the model's.
        target: what executes: "cpu" (Spinel's own) or "onnx" (ONNX Runtime); see available_targets().
        batch_size: samples of one call over all SPAs; sizes an SPA's part where input_size is given.
        input_size: one shape an input, fixing dynamic dims; data that falls short is padded.
        dtype: "float16" or "float32": compute precision and type of float inputs and outputs. Default: the model's.
        pass_path: a JSON or YAML file that configures the graph passes; pass_json is the same as text or as a dict.
        save_engine: where to write an engine file; load_engine reads one instead of compiling.
        rank, ranks_on_machine: where several processes share the machine.
        keep_io_types: dtype leaves the types of inputs and outputs as the file has them.
        pad_value: {input: number} for inputs whose data may fall short of a fixed dim; pad_inputs: all, with 0.
        spas, threads_per_spa: partitions and threads of each; 0 SPAs: as many as there are cores.
        split: "proven", "never" or "always".
        spin_us: how long a thread waits awake for more work during a run.
        huge_pages: asks the system for huge pages.
        aliases: {input: output} that may share a buffer.
        isa: "avx512_fp16", "avx512", "avx2" or "portable"; the default is the best the machine has.
        tune: times candidate kernels on this machine.
        verify: of an engine file, "program" or "full" (its weights, too).
        limits: {"max_model_bytes": ...}, upper bounds on what a model may ask for.
        onnxruntime_path: where ONNX Runtime's library lies, for target "onnx".
        parallel_for: the host's own loop, called with (count, task).
        custom_ops: CustomOp objects, or paths of shared libraries of operators.
        cancel: makes the load end with CancelledError.
        progress: called with (stage, fraction) as the load goes on.

    Raises:
        SpinelError: or one of its kinds. All operators that are not supported are listed at once.
    """

    def __init__(self, ckpt: Any = None, input_name: Sequence[str] = (), target: str = '', batch_size: int = 0,
                 input_size: Sequence[Sequence[int]] = (), dtype: Any = None, pass_path: Any = None,
                 save_engine: Any = None, rank: int = 0, *, load_engine: Any = None, pass_json: Any = None,
                 keep_io_types: bool = False, pad_value: Mapping[str, float] | Sequence[float] | None = None,
                 pad_inputs: bool = False, spas: int = 0, threads_per_spa: int = 1, ranks_on_machine: int = 1,
                 split: str = 'proven', spin_us: int | None = None, huge_pages: bool = False,
                 aliases: Mapping[str, str] | None = None, isa: str = '', tune: bool = False,
                 verify: str = 'program', limits: Mapping[str, int] | None = None, onnxruntime_path: Any = None,
                 parallel_for: Callable[[int, Callable[[int], None]], None] | None = None,
                 custom_ops: Sequence[Any] = (), cancel: CancelToken | None = None,
                 progress: Callable[[str, float], None] | None = None) -> None:
        from ._library import encode_or_none
        options = EngineOptions(
            input_name=input_name, target=target, batch_size=batch_size, input_size=input_size, dtype=dtype,
            pass_path=pass_path, pass_json=pass_json, save_engine=save_engine, load_engine=load_engine, rank=rank,
            ranks_on_machine=ranks_on_machine, keep_io_types=keep_io_types, pad_value=pad_value, pad_inputs=pad_inputs,
            spas=spas, threads_per_spa=threads_per_spa, split=split, spin_us=spin_us, huge_pages=huge_pages,
            aliases=aliases, isa=isa, tune=tune, verify=verify, limits=limits, onnxruntime_path=onnxruntime_path,
            parallel_for=parallel_for, custom_ops=custom_ops, cancel=0 if cancel is None else cancel._handle,
            progress=progress)
        pointer = ctypes.byref(options.struct)
        if isinstance(ckpt, (bytes, bytearray, memoryview)):
            model = np.frombuffer(ckpt, dtype=np.uint8)
            handle = create(lib.spinel_engine_create_from_memory, model.ctypes.data, model.nbytes, None, pointer)
        else:
            handle = create(lib.spinel_engine_create, encode_or_none(ckpt), pointer)
        self._handle: _Handle | None = _Handle(handle, options)
        self._plans: dict[Any, _Plan] = {}
        self.inputs = tuple(_port(lib.spinel_engine_input, handle, i)
                            for i in range(lib.spinel_engine_input_count(handle)))
        self.outputs = tuple(_port(lib.spinel_engine_output, handle, i)
                             for i in range(lib.spinel_engine_output_count(handle)))
        info = sized(_abi.spinel_engine_info)
        call(lib.spinel_engine_describe, handle, ctypes.addressof(info))
        self.target = text(info.target)
        self.compute_dtype = dtype_name(info.compute_dtype)
        self.arithmetic = text(info.arithmetic)
        self.spas, self.threads_per_spa = int(info.spas), int(info.threads_per_spa)
        self.splittable = bool(info.splittable)
        self.blocking_node, self.split_reason = text(info.blocking_node), text(info.reason)
        self._names = {port.name: i for i, port in enumerate(self.inputs)}
        self._single = len(self.outputs) == 1

    def __call__(self, *inputs: Inputs) -> Any:
        """Runs one batch: an array each input, or a list, or a mapping from names. One output: its array; else a list."""
        results = self.run(inputs[0] if len(inputs) == 1 else list(inputs))
        return results[0] if self._single else results

    def run(self, inputs: Inputs, outputs: Sequence[Array | None] | None = None,
            cancel: CancelToken | None = None) -> list[Array]:
        """Runs one batch and returns the outputs as a list.

        Args:
            inputs: see __call__. Arrays that are not C-contiguous are copied; a wrong dtype is an error.
            outputs: arrays of the right dtype and shape to write to, without copies; None for one to be allocated.
            cancel: makes the run end with CancelledError.
        """
        handle = self._open()
        run = _Call(self, handle, self._arrays(inputs), self._checked(outputs))
        error = ctypes.c_void_p()
        code = lib.spinel_engine_run(handle.value, run.inputs, len(run.inputs), run.outputs, len(run.outputs),
                                     None if cancel is None else cancel._handle, ctypes.byref(error))
        if code:
            raise error_of(error.value, code)
        return run.finish()

    def run_async(self, inputs: Inputs, outputs: Sequence[Array | None] | None = None) -> RunFuture:
        """Queues a run and returns a future that may also be awaited; its result is what __call__ gives.

        The arrays must stay unchanged until it is done. Its cancel() asks the run to end.
        """
        handle = self._open()
        run = _Call(self, handle, self._arrays(inputs), self._checked(outputs))
        future = RunFuture()
        request = create(lib.spinel_engine_run_async, handle.value, run.inputs, len(run.inputs), run.outputs,
                         len(run.outputs))
        future.set_running_or_notify_cancel()
        key = _next_request()
        with _requests_lock:
            future._request = request
            _requests[key] = future, run, handle, self._single
        call(lib.spinel_request_on_finished, request, _finished, key)
        return future

    @property
    def run_time(self) -> float:
        """Seconds that the last finished run took; 0 before the first."""
        return float(lib.spinel_engine_run_time(self._open().value))

    def memory_report(self, shapes: Sequence[Sequence[int]] = ()) -> MemoryReport:
        """Memory for runs with these input shapes; by default the model's own, with 1 for what is dynamic."""
        array, keep = shape_array(shapes)
        report = sized(_abi.spinel_memory_report)
        unplanned = ctypes.c_void_p()
        call(lib.spinel_engine_memory, self._open().value, ctypes.addressof(array) if shapes else None, len(shapes),
             ctypes.addressof(report), ctypes.addressof(unplanned))
        try:
            names = strings(unplanned.value or 0)
        finally:
            lib.spinel_strings_release(unplanned)
        return MemoryReport(report.weight_bytes, report.arena_bytes_per_spa, report.scratch_bytes_per_spa,
                            report.total_bytes, report.spas, names)

    def pass_report(self) -> list[PassReport]:
        """What each graph pass did, in order."""
        handle, out = self._open(), []
        for i in range(lib.spinel_engine_pass_count(handle.value)):
            info = sized(_abi.spinel_pass_info)
            call(lib.spinel_engine_pass, handle.value, i, ctypes.addressof(info))
            notes = (_abi.spinel_pass_note * info.note_count).from_address(info.notes) if info.note_count else ()
            found = (_abi.spinel_pass_found * info.found_count).from_address(info.found) if info.found_count else ()
            out.append(PassReport(text(info.name), bool(info.enabled), info.changes,
                                  [(text(note.node), text(note.text), bool(note.refused)) for note in notes],
                                  info.notes_left_out, {text(each.op): each.count for each in found}))
        return out

    def profile(self, inputs: Inputs, cancel: CancelToken | None = None) -> list[LayerTime]:
        """Times every layer of one run, after a first one that is not counted."""
        handle = self._open()
        run = _Call(self, handle, self._arrays(inputs), None)
        profile = create(lib.spinel_engine_profile, handle.value, run.inputs, len(run.inputs),
                         None if cancel is None else cancel._handle)
        try:
            return [_layer(profile, i) for i in range(lib.spinel_profile_layer_count(profile))]
        finally:
            lib.spinel_profile_release(profile)

    def graph_text(self) -> str:
        """The compiled graph, for people: the format may change."""
        return '\n'.join(owned_strings(lib.spinel_engine_graph, self._open().value))

    def release(self) -> None:
        """Frees the engine once the runs under way are done; later calls raise ReleasedError."""
        self._handle = None
        self._plans = {}

    def __enter__(self) -> InferEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        def ports(infos: Sequence[TensorInfo]) -> str:
            return ', '.join(f'{info.name}: {info.dtype}{list(info.shape) if info.shape is not None else "[...]"}'
                             for info in infos)
        return f'<spinel.InferEngine {self.target} ({ports(self.inputs)}) -> ({ports(self.outputs)})>'

    def _open(self) -> _Handle:
        handle = self._handle
        if handle is None:
            raise ReleasedError('the engine was released', 'released')
        return handle

    def _arrays(self, inputs: Inputs) -> list[Array]:
        if isinstance(inputs, np.ndarray):
            given: Sequence[Any] = (inputs,)
        elif isinstance(inputs, Mapping):
            if set(inputs) != set(self._names):
                raise InvalidArgumentError(f'the inputs given are {sorted(inputs)}, those of the model '
                                           f'{sorted(self._names)}', 'invalid_argument')
            given = [inputs[name] for name in self._names]
        elif isinstance(inputs, (list, tuple)):
            given = inputs
        else:
            given = (inputs,)
        if len(given) != len(self.inputs):
            raise InvalidArgumentError(f'{len(given)} inputs were given; the model has {len(self.inputs)}: '
                                       f'{", ".join(self._names)}', 'invalid_argument')
        return [each if isinstance(each, np.ndarray) and each.flags.c_contiguous else _contiguous(each) for each in given]

    def _checked(self, outputs: Sequence[Array | None] | None) -> Sequence[Array | None] | None:
        if outputs is not None and len(outputs) != len(self.outputs):
            raise InvalidArgumentError(f'{len(outputs)} output arrays were given; the model has {len(self.outputs)} '
                                       'outputs', 'invalid_argument')
        return outputs

    def _plan(self, handle: _Handle, arrays: Sequence[Array]) -> _Plan:
        key = tuple([(array.shape, array.dtype) for array in arrays])
        plan = self._plans.get(key)
        if plan is None or plan.has_strings:
            plan = _Plan(self, handle, arrays)
            plans = dict(self._plans) if len(self._plans) < 64 else {}
            plans[key] = plan
            self._plans = plans
        return plan


def _contiguous(value: ArrayLike) -> NDArray[Any]:
    array = np.asarray(value)
    return array if array.flags.c_contiguous else np.array(array, order='C')


def _port(function: Callable[..., int], handle: int, index: int) -> TensorInfo:
    info = sized(_abi.spinel_tensor_info)
    call(function, handle, index, ctypes.addressof(info))
    shape = tuple((ctypes.c_int64 * info.rank).from_address(info.dims)) if info.rank else ()
    names = tuple((ctypes.c_char_p * info.rank).from_address(info.dim_names)) if info.rank else ()
    return TensorInfo(text(info.name), dtype_name(info.dtype),
                      tuple(None if dim < 0 else dim for dim in shape) if info.has_rank else None,
                      tuple(text(name) for name in names), None if info.batch_axis < 0 else info.batch_axis, info.dtype)


def _layer(profile: int, index: int) -> LayerTime:
    layer = sized(_abi.spinel_layer_time)
    call(lib.spinel_profile_layer, profile, index, ctypes.addressof(layer))
    sources = (ctypes.c_char_p * layer.source_count).from_address(layer.sources) if layer.source_count else ()
    return LayerTime(text(layer.name), text(layer.op), text(layer.kernel), [text(each) for each in sources],
                     layer.start_ns, layer.duration_ns, layer.flops)


def available_targets() -> list[str]:
    """The targets of this build, the default first."""
    return owned_strings(lib.spinel_available_targets)
