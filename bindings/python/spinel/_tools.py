"""ONNX files to ONNX files: simplified, or in float16."""
from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _abi
from ._custom_op import OpSet
from ._library import InvalidArgumentError, call, char_array, create, encode, lib, owned_strings, sized, text
from ._options import limits_struct
from ._reports import texts


@dataclasses.dataclass(frozen=True)
class Clamped:
    """A constant whose values float16 could not hold: `clamped` became +-65504, `flushed` became 0."""
    name: str
    elements: int
    clamped: int
    flushed: int


@dataclasses.dataclass(frozen=True)
class ToolReport:
    """What a tool has done.

    Attributes:
        bytes_before, bytes_after: of the files, with external data.
        operators_before, operators_after: {operator: number}, subgraphs and functions included.
        changes: simplifying: {step: places that it has changed}.
        files: what was written.
        notes: what the user should know, one sentence each.
        kept: converting: nodes that stay in float32, as "name (operator)".
        clamped: converting: constants that have lost values.
        converted_tensors: converting: constants that were converted.
        check_skipped: why nothing was compared; "": it was, or was not asked for.
        check_runs, bit_equal: how often the files were compared, and whether every output was equal.
        max_difference, relative_difference, diff2: the greatest of any output.
    """
    bytes_before: int
    bytes_after: int
    operators_before: dict[str, int]
    operators_after: dict[str, int]
    changes: dict[str, int]
    files: list[str]
    notes: list[str]
    kept: list[str]
    clamped: list[Clamped]
    converted_tensors: int
    check_skipped: str
    check_runs: int
    bit_equal: bool
    max_difference: float
    relative_difference: float
    diff2: float


Shapes = Mapping[str, Sequence[int]]


class _Arguments:
    """C structs, and what they point to."""

    def __init__(self) -> None:
        self.keep: list[Any] = []

    def names(self, names: Sequence[str]) -> tuple[int | None, int]:
        array = char_array([names] if isinstance(names, str) else names)
        self.keep.append(array)
        return (ctypes.addressof(array) if len(array) else None), len(array)

    def shapes(self, shapes: Shapes | None) -> tuple[int | None, int]:
        structs = (_abi.spinel_named_shape * len(shapes or {}))()
        for struct, (name, shape) in zip(structs, (shapes or {}).items()):
            dims = (ctypes.c_int64 * len(shape))(*shape)
            self.keep.append(dims)
            struct.name, struct.dims, struct.rank = encode(name), ctypes.addressof(dims), len(shape)
        self.keep.append(structs)
        return (ctypes.addressof(structs) if len(structs) else None), len(structs)

    def check(self, check: Mapping[str, Any] | None, **defaults: Any) -> int | None:
        if check is None:
            return None
        out = _abi.spinel_check_options()
        lib.spinel_check_options_init(ctypes.byref(out), ctypes.sizeof(out))
        settings = {**defaults, **check}
        out.input_shapes, out.input_shape_count = self.shapes(settings.pop('input_shapes', None))
        out.runs = settings.pop('runs', out.runs)
        out.required = bool(settings.pop('required', False))
        out.tolerance = settings.pop('tolerance', out.tolerance)
        if settings:
            raise InvalidArgumentError(f'check has no {", ".join(settings)}; there are runs, required, input_shapes, tolerance')
        self.keep.append(out)
        return ctypes.addressof(out)

    def ops(self, custom_ops: Sequence[Any]) -> int | None:
        if not custom_ops:
            return None
        ops = OpSet(custom_ops)
        self.keep.append(ops)
        return ops.handle

    def limits(self, limits: Mapping[str, int] | None) -> int | None:
        struct = limits_struct(limits)
        self.keep.append(struct)
        return None if struct is None else ctypes.addressof(struct)


def _counts(address: int | None, count: int) -> dict[str, int]:
    structs: Any = (_abi.spinel_count * count).from_address(address) if count and address else ()
    return {text(each.name): each.count for each in structs}


def _run(tool: Callable[..., int], model: Any, out: Any, options: int) -> ToolReport:
    report = create(tool, encode(model), encode(out), options)
    try:
        info = sized(_abi.spinel_tool_info)
        call(lib.spinel_tool_report_describe, report, ctypes.addressof(info))
        structs: Any = (_abi.spinel_clamped_tensor * info.clamped_count).from_address(info.clamped) if info.clamped_count else ()
        return ToolReport(
            info.bytes_before, info.bytes_after, _counts(info.operators_before, info.operator_before_count),
            _counts(info.operators_after, info.operator_after_count), _counts(info.changes, info.change_count),
            texts(info.files, info.file_count), texts(info.notes, info.note_count), texts(info.kept, info.kept_count),
            [Clamped(text(each.name), each.elements, each.clamped, each.flushed) for each in structs],
            info.converted_tensors, text(info.check_skipped), info.check_runs, bool(info.bit_equal), info.max_difference,
            info.relative_difference, info.diff2)
    finally:
        lib.spinel_tool_report_release(report)


def simplify_model(model: Any, out: Any, *, input_shapes: Shapes | None = None, skip_steps: Sequence[str] = (),
                   max_folded_bytes: int | None = None, inline_functions: bool = False, keep_initializer_inputs: bool = False,
                   external_data: bool = False, check: Mapping[str, Any] | None = None, custom_ops: Sequence[Any] = (),
                   limits: Mapping[str, int] | None = None) -> ToolReport:
    """Writes a model that computes the same with fewer nodes, and compares the two.

    Args:
        model, out: paths of the ONNX file, and of the one that is written, which appears whole or not at all.
        input_shapes: {input: shape}, new dims; 0 or less leaves a dim as it is.
        skip_steps: of simplify_steps(), to leave out.
        max_folded_bytes: by which a folded constant may exceed what vanishes with it; the default is 1 MiB.
        inline_functions: puts the bodies of the model's functions in place of their calls.
        keep_initializer_inputs: weights that are listed as inputs stay.
        external_data: weights go into a second file, "<out>.data".
        check: {"runs": 3, "required": False, "input_shapes": {...}, "tolerance": 1e-5}: how the two are compared on random
            inputs; 0 runs: not at all.
        custom_ops: CustomOp objects, or paths of shared libraries of operators that the model uses.
        limits: {"max_model_bytes": ...}.
    """
    arguments, options = _Arguments(), _abi.spinel_simplify_options()
    lib.spinel_simplify_options_init(ctypes.byref(options), ctypes.sizeof(options))
    options.input_shapes, options.input_shape_count = arguments.shapes(input_shapes)
    options.skip_steps, options.skip_step_count = arguments.names(skip_steps)
    if max_folded_bytes is not None:
        options.max_folded_bytes = max_folded_bytes
    options.inline_functions, options.keep_initializer_inputs = bool(inline_functions), bool(keep_initializer_inputs)
    options.external_data = bool(external_data)
    options.check, options.limits = arguments.check(check), arguments.limits(limits)
    options.custom_ops = arguments.ops(custom_ops)
    return _run(lib.spinel_simplify_model, model, out, ctypes.addressof(options))


def convert_model(model: Any, out: Any, *, keep_ops: Sequence[str] = (), keep_nodes: Sequence[str] = (),
                  convert_ops: Sequence[str] = (), keep_inputs: Sequence[str] = (), keep_io_types: bool = False,
                  external_data: bool = False, check: Mapping[str, Any] | None = None, custom_ops: Sequence[Any] = (),
                  limits: Mapping[str, int] | None = None) -> ToolReport:
    """Writes a model whose float32 values are float16, and compares the two.

    Args:
        keep_ops, keep_nodes: operators, and single nodes, that stay in float32, with casts around them.
        convert_ops: of float16_keep_list(), or of other domains: to be converted, too.
        keep_inputs: inputs that stay float32; keep_io_types: all inputs and outputs do.
        check: as for simplify_model(); by default 1 run and a tolerance of 0.05.
        model, out, external_data, custom_ops, limits: as for simplify_model().
    """
    arguments, options = _Arguments(), _abi.spinel_convert_options()
    lib.spinel_convert_options_init(ctypes.byref(options), ctypes.sizeof(options))
    options.keep_ops, options.keep_op_count = arguments.names(keep_ops)
    options.keep_nodes, options.keep_node_count = arguments.names(keep_nodes)
    options.convert_ops, options.convert_op_count = arguments.names(convert_ops)
    options.keep_inputs, options.keep_input_count = arguments.names(keep_inputs)
    options.dtype = int(_abi.spinel_dtype.FLOAT16)
    options.keep_io_types, options.external_data = bool(keep_io_types), bool(external_data)
    options.check, options.limits = arguments.check(check, runs=1, tolerance=0.05), arguments.limits(limits)
    options.custom_ops = arguments.ops(custom_ops)
    return _run(lib.spinel_convert_model, model, out, ctypes.addressof(options))


def simplify_steps() -> list[str]:
    """The steps of simplify_model(), in order."""
    return owned_strings(lib.spinel_simplify_steps)


def float16_keep_list() -> list[str]:
    """The operators that convert_model() leaves in float32 unless convert_ops names them."""
    return owned_strings(lib.spinel_float16_keep_list)
