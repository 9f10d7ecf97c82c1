"""InferEngine: an ONNX model, compiled, run on numpy arrays."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _abi
from ._library import InvalidArgumentError, ReleasedError, UnsupportedError, call, create, encode_or_none, error_of, lib, owned_strings, sized, text
from ._options import EngineOptions
from ._reports import (LayerValue, MemoryReport, PassReport, Profile, TensorInfo, read_layer_values, read_memory,
                       read_passes, read_port, read_profile)
from ._run import Call, CancelToken, Handle, Plan, RunFuture, inspect, start
from ._tensors import Array, dtype_name
from ._values import run_values

Inputs = Any  # An array, arrays in the order of engine.inputs, or a mapping from names.


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
        isa: "avx512_fp16", "avx512_vnni", "avx512", "avx2" or "portable"; the default is the best the machine has.
        tune: times candidate kernels on this machine.
        verify: of an engine file, "program" or "full" (its weights, too).
        limits: {"max_model_bytes": ...}, upper bounds on what a model may ask for.
        onnxruntime_path: where ONNX Runtime's library lies, for target "onnx".
        parallel_for: the host's own loop, called with (count, task).
        custom_ops: CustomOp objects, or paths of shared libraries of operators.
        folder: where a model that is given as bytes has its external data.
        inspectable: keeps what inspect() needs of target "onnx"; target "cpu" needs nothing.
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
                 progress: Callable[[str, float], None] | None = None, folder: Any = None,
                 inspectable: bool = False) -> None:
        options = EngineOptions(
            input_name=input_name, target=target, batch_size=batch_size, input_size=input_size, dtype=dtype,
            pass_path=pass_path, pass_json=pass_json, save_engine=save_engine, load_engine=load_engine, rank=rank,
            ranks_on_machine=ranks_on_machine, keep_io_types=keep_io_types, pad_value=pad_value, pad_inputs=pad_inputs,
            spas=spas, threads_per_spa=threads_per_spa, split=split, spin_us=spin_us, huge_pages=huge_pages,
            aliases=aliases, isa=isa, tune=tune, verify=verify, limits=limits, onnxruntime_path=onnxruntime_path,
            parallel_for=parallel_for, custom_ops=custom_ops, cancel=0 if cancel is None else cancel._handle,
            progress=progress, inspectable=inspectable)
        pointer = ctypes.byref(options.struct)
        if isinstance(ckpt, (bytes, bytearray, memoryview)):
            model = np.frombuffer(ckpt, dtype=np.uint8)
            handle = create(lib.spinel_engine_create_from_memory, model.ctypes.data, model.nbytes, encode_or_none(folder),
                            pointer)
        elif ckpt is None and load_engine is None:
            raise InvalidArgumentError('give ckpt, the path or the bytes of an ONNX file, or load_engine')
        else:
            handle = create(lib.spinel_engine_create, encode_or_none(ckpt), pointer)
        self._handle: Handle | None = Handle(handle, options)
        self._plans: dict[Any, Plan] = {}
        self.inputs = tuple(read_port(lib.spinel_engine_input, handle, i)
                            for i in range(lib.spinel_engine_input_count(handle)))
        self.outputs = tuple(read_port(lib.spinel_engine_output, handle, i)
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
        self._plain = all(port.kind == 'tensor' for port in self.inputs + self.outputs)

    def __call__(self, *inputs: Inputs) -> Any:
        """Runs one batch: an array each input, or a list, or a mapping from names. One output: its array; else a list."""
        results = self.run(inputs[0] if len(inputs) == 1 else list(inputs))
        return results[0] if self._single else results

    def run(self, inputs: Inputs, outputs: Sequence[Array | None] | None = None,
            cancel: CancelToken | None = None) -> list[Array]:
        """Runs one batch and returns the outputs as a list.

        Args:
            inputs: see __call__. Arrays that are not C-contiguous are copied; a wrong dtype is an error. A sequence is a list
                of them, an empty optional None; results of such a model are read-only.
            outputs: arrays of the right dtype and shape to write to, without copies; None for one to be allocated.
            cancel: makes the run end with CancelledError.
        """
        handle = self._open()
        token = None if cancel is None else cancel._handle
        if not self._plain and outputs is None:
            return run_values(handle.value, self._given(inputs), len(self.outputs), token)
        run = self._call(handle, inputs, outputs)
        error = ctypes.c_void_p()
        code = lib.spinel_engine_run(handle.value, run.inputs, len(run.inputs), run.outputs, len(run.outputs), token,
                                     ctypes.byref(error))
        if code:
            raise error_of(error.value, code)
        return run.finish()

    def run_async(self, inputs: Inputs, outputs: Sequence[Array | None] | None = None) -> RunFuture:
        """Queues a run and returns a future that may also be awaited; its result is what __call__ gives.

        The arrays must stay unchanged until it is done. Its cancel() asks the run to end.
        """
        handle = self._open()
        run = self._call(handle, inputs, outputs)
        return start(handle, run, self._single)

    @property
    def run_time(self) -> float:
        """Seconds that the last finished run took; 0 before the first."""
        return float(lib.spinel_engine_run_time(self._open().value))

    def memory_report(self, shapes: Sequence[Sequence[int]] = ()) -> MemoryReport:
        """Memory for runs with these input shapes; by default the model's own, with 1 for what is dynamic."""
        return read_memory(self._open().value, shapes)

    def pass_report(self) -> list[PassReport]:
        """What each graph pass did, in order."""
        return read_passes(self._open().value)

    def profile(self, inputs: Inputs, cancel: CancelToken | None = None) -> Profile:
        """Times every layer of one run, after a first one that is not counted."""
        handle = self._open()
        run = self._call(handle, inputs, None)
        return read_profile(create(lib.spinel_engine_profile, handle.value, run.inputs, len(run.inputs),
                                   None if cancel is None else cancel._handle))

    def layer_values(self, shapes: Sequence[Sequence[int]] = ()) -> list[LayerValue]:
        """The values between the layers, in the order of execution; with the inputs' shapes, their own of such a run."""
        return read_layer_values(self._open().value, shapes)

    def inspect(self, inputs: Inputs, function: Callable[[LayerValue, Array], Any], names: Sequence[str] = (),
                cancel: CancelToken | None = None) -> list[Array]:
        """Runs one batch, with outputs of the same bits as run(), and gives the values between the layers to a function.

        Args:
            function: called with each value and its array, one at a time, in the order of execution, maybe in another
                thread. An array that it returns takes the value's place, so that what follows is computed from it (target
                "cpu"). What it raises ends the run and is raised here.
            names: of the values, as layer_values() says; none: all.
        """
        handle = self._open()
        run = self._call(handle, inputs, None)
        inspect(handle, run, names, function, cancel, self.target == 'cpu')
        return run.finish()

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

    def _open(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise ReleasedError('the engine was released')
        return handle

    def _arrays(self, inputs: Inputs) -> list[Array]:
        return [each if isinstance(each, np.ndarray) and each.flags.c_contiguous else _contiguous(each)
                for each in self._given(inputs)]

    def _given(self, inputs: Inputs) -> Sequence[Any]:
        if isinstance(inputs, np.ndarray):
            given: Sequence[Any] = (inputs,)
        elif isinstance(inputs, Mapping):
            if set(inputs) != set(self._names):
                raise InvalidArgumentError(f'the inputs given are {sorted(inputs)}, those of the model '
                                           f'{sorted(self._names)}')
            given = [inputs[name] for name in self._names]
        elif isinstance(inputs, (list, tuple)):
            given = inputs
        else:
            given = (inputs,)
        if len(given) != len(self.inputs):
            raise InvalidArgumentError(f'{len(given)} inputs were given; the model has {len(self.inputs)}: '
                                       f'{", ".join(self._names)}')
        return given

    def _checked(self, outputs: Sequence[Array | None] | None) -> Sequence[Array | None] | None:
        if outputs is not None and len(outputs) != len(self.outputs):
            raise InvalidArgumentError(f'{len(outputs)} output arrays were given; the model has {len(self.outputs)} '
                                       'outputs')
        return outputs

    def _call(self, handle: Handle, inputs: Inputs, outputs: Sequence[Array | None] | None) -> Call:
        if not self._plain:
            raise UnsupportedError('a model of sequences or optionals runs by run() alone, without arrays for its outputs')
        arrays = self._arrays(inputs)
        return Call(self._plan(handle, arrays), self.outputs, arrays, self._checked(outputs))

    def _plan(self, handle: Handle, arrays: Sequence[Array]) -> Plan:
        key = tuple([(array.shape, array.dtype) for array in arrays])
        plan = self._plans.get(key)
        if plan is None or plan.has_strings:
            plan = Plan(handle, self.inputs, self.outputs, arrays)
            plans = dict(self._plans) if len(self._plans) < 64 else {}
            plans[key] = plan
            self._plans = plans
        return plan


def _contiguous(value: ArrayLike) -> NDArray[Any]:
    array = np.asarray(value)
    return array if array.flags.c_contiguous else np.array(array, order='C')


def available_targets() -> list[str]:
    """The targets of this build, the default first."""
    return owned_strings(lib.spinel_available_targets)
