"""Keyword arguments of InferEngine as the C ABI's options."""
from __future__ import annotations

import ctypes
import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import _abi
from ._custom_op import OpSet
from ._library import InvalidArgumentError, UnsupportedError, char_array, encode, encode_or_none, lib, shape_array
from ._tensors import dtype_number

_log = logging.getLogger('spinel')
_log.addHandler(logging.NullHandler())  # Without one Python prints warnings to stderr.
_levels = {0: logging.DEBUG, 1: logging.INFO, 2: logging.WARNING, 3: logging.ERROR}


def _write_log(user: int | None, level: int, message: bytes) -> None:
    _log.log(_levels.get(level, logging.INFO), '%s', message.decode('utf-8', 'replace'))


_log_line = _abi.spinel_log_callback(_write_log)


def limits_struct(limits: Mapping[str, int] | None) -> _abi.spinel_limits | None:
    if not limits:
        return None
    out = _abi.spinel_limits()
    lib.spinel_limits_init(ctypes.byref(out), ctypes.sizeof(out))
    known = [name for name, _ in _abi.spinel_limits._fields_[1:]]
    for name, value in limits.items():
        if name not in known:
            raise InvalidArgumentError(f'limits has {name!r}; there are {", ".join(known)}')
        setattr(out, name, value)
    return out


def read_pass_file(path: Any) -> tuple[str | None, str | None]:
    """(path of a JSON file, JSON text): YAML is converted, and a Python file of the original kit is refused."""
    if path is None or path == '':
        return None, None
    name = os.fsdecode(path)
    suffix = pathlib.Path(name).suffix.lower()
    if suffix == '.py':
        raise UnsupportedError(
            f"'{name}' is a Python pass file, which would have to be executed; write its settings as JSON or YAML with the "
            'keys need_convert, skip_ops, convert_all, skip_input_name, specified_op_dtype, passes')
    if suffix not in ('.yaml', '.yml'):
        return name, None
    try:
        import yaml
    except ImportError:
        raise UnsupportedError(f"reading '{name}' needs the package PyYAML; or write it as JSON") from None
    with open(name, encoding='utf-8') as file:
        return None, json.dumps(yaml.safe_load(file) or {})


def splits() -> dict[str, int]:
    return {'proven': _abi.spinel_split.SPLIT_PROVEN, 'never': _abi.spinel_split.SPLIT_NEVER,
            'always': _abi.spinel_split.SPLIT_ALWAYS}


class EngineOptions:
    """The struct, and what its pointers point to for as long as the engine lives."""

    def __init__(self, *, input_name: Sequence[str], target: str, batch_size: int,
                 input_size: Sequence[Sequence[int]], dtype: Any, pass_path: Any, pass_json: Any, save_engine: Any,
                 load_engine: Any, rank: int, ranks_on_machine: int, keep_io_types: bool,
                 pad_value: Mapping[str, float] | Sequence[float] | None, pad_inputs: bool, spas: int,
                 threads_per_spa: int, split: str, spin_us: int | None, huge_pages: bool,
                 aliases: Mapping[str, str] | None, isa: str, tune: bool, verify: str,
                 limits: Mapping[str, int] | None, onnxruntime_path: Any,
                 parallel_for: Callable[[int, Callable[[int], None]], None] | None, custom_ops: Sequence[Any],
                 cancel: int, progress: Callable[[str, float], None] | None, inspectable: bool) -> None:
        out = self.struct = _abi.spinel_engine_options()
        lib.spinel_engine_options_init(ctypes.byref(out), ctypes.sizeof(out))
        self.keep: list[Any] = []
        out.target = encode_or_none(target)
        if input_name:
            names = char_array([input_name] if isinstance(input_name, str) else input_name)
            self.keep.append(names)
            out.input_names, out.input_name_count = ctypes.addressof(names), len(names)
        if input_size:
            if not all(isinstance(shape, Iterable) for shape in input_size):
                raise InvalidArgumentError(f'input_size is {input_size!r}; it takes one shape an input, such as [[1, 3, 224, 224]]')
            shapes, dims = shape_array(input_size)
            self.keep += [shapes, dims]
            out.input_sizes, out.input_size_count = ctypes.addressof(shapes), len(shapes)
        self._set_pads(pad_value, input_name)
        out.batch_size = batch_size
        out.dtype = dtype_number(dtype)
        out.keep_io_types, out.pad_inputs = bool(keep_io_types), bool(pad_inputs)
        if split not in splits():
            raise InvalidArgumentError(f'split is {split!r}; there are {", ".join(splits())}')
        out.split = splits()[split]
        out.spas, out.threads_per_spa = spas, threads_per_spa
        out.rank, out.ranks_on_machine = rank, ranks_on_machine
        path, converted = read_pass_file(pass_path)
        out.pass_path = encode_or_none(path)
        if pass_json is not None and not isinstance(pass_json, str):
            pass_json = json.dumps(pass_json)
        if converted and pass_json:
            raise InvalidArgumentError('give one of pass_path and pass_json')
        out.pass_json = encode_or_none(converted or pass_json)
        out.save_engine, out.load_engine = encode_or_none(save_engine), encode_or_none(load_engine)
        limit = limits_struct(limits)
        if limit is not None:
            self.keep.append(limit)
            out.limits = ctypes.addressof(limit)
        out.log = _log_line
        out.onnxruntime_path = encode_or_none(onnxruntime_path)
        if spin_us is not None:
            out.spin_us = spin_us if spin_us > 0 else -1
        out.huge_pages, out.tune = bool(huge_pages), bool(tune)
        if aliases:
            pairs = (_abi.spinel_alias * len(aliases))()
            for pair, (source, target_name) in zip(pairs, aliases.items()):
                pair.input, pair.output = encode(source), encode(target_name)
            self.keep.append(pairs)
            out.aliases, out.alias_count = ctypes.addressof(pairs), len(pairs)
        out.isa = encode_or_none(isa)
        if verify not in ('program', 'full'):
            raise InvalidArgumentError(f"verify is {verify!r}; there are 'program' and 'full'")
        out.verify_weights = verify == 'full'
        if parallel_for is not None:
            out.parallel_for = self._make_loop(parallel_for)
        if custom_ops:
            ops = OpSet(custom_ops)
            self.keep.append(ops)
            out.custom_ops = ops.handle
        out.cancel = cancel
        out.inspectable = bool(inspectable)
        if progress is not None:
            out.progress = self._make_progress(progress)

    def _make_progress(self, progress: Callable[[str, float], None]) -> Any:
        def told(user: int | None, stage: bytes, fraction: float) -> None:
            try:
                progress(stage.decode(), fraction)
            except Exception:
                _log.exception('the progress callback failed')
        self.progress = _abi.spinel_progress_callback(told)
        return self.progress

    def _set_pads(self, pad_value: Any, input_name: Any) -> None:
        if pad_value is None:
            return
        if not isinstance(pad_value, Mapping):
            if not input_name:
                raise InvalidArgumentError('pad_value as a list needs input_name; or give {name: value}')
            pad_value = dict(zip(input_name, pad_value))
        pads = (_abi.spinel_pad_value * len(pad_value))()
        for pad, (name, value) in zip(pads, pad_value.items()):
            pad.input, pad.value = encode(name), value
        self.keep.append(pads)
        self.struct.pad_values, self.struct.pad_value_count = ctypes.addressof(pads), len(pads)

    def _make_loop(self, parallel_for: Callable[[int, Callable[[int], None]], None]) -> Any:
        def loop(user: int | None, count: int, task: Any, data: int | None) -> None:
            done = [False] * count

            def run(index: int) -> None:
                done[index] = True
                task(data, index)
            try:
                parallel_for(count, run)
            except BaseException:
                _log.exception("the host's parallel_for failed; the rest runs in the calling thread")
            for index in range(count):  # What it left out: the engine counts on every task.
                if not done[index]:
                    task(data, index)
        self.loop = _abi.spinel_parallel_for(loop)
        return self.loop
