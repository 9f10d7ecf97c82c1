"""Quantised operators, of ai.onnx and com.microsoft, by `spinel run` and by onnxruntime.

Integer results must be equal but for 1 unit in at most 1 of 100 elements (where a tie is rounded differently, or
onnxruntime approximates); float results agree to 1e-5 of the greatest value. --only WORD runs the cases whose name
holds WORD.
"""

import json
import os
import sys

import common

onnxruntime = common.with_onnxruntime("quantised operators against onnxruntime")

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = os.path.join(common.WORK, "quantized_ops")
FLOAT_LIMIT = 1e-5
MOST_OFF_BY_ONE = 0.01
MS = "com.microsoft"
U8, I8, U16, I16, I32, F32, F16 = (np.uint8, np.int8, np.uint16, np.int16, np.int32, np.float32, np.float16)
random = np.random.default_rng(4)


class Case:
    """A model of a few nodes; arrays given to node() become initializers, those of input() inputs."""

    def __init__(self, name, opset=13):
        self.name, self.opset = name, opset
        self.nodes, self.constants, self.feeds, self.outputs = [], [], {}, []

    def input(self, array):
        name = f"x{len(self.feeds)}"
        self.feeds[name] = np.asarray(array)
        return name

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, *inputs, domain="", outputs=1, **attributes):
        names = [i if isinstance(i, str) else "" if i is None else self.constant(i) for i in inputs]
        out = [f"y{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, names, out, domain=domain, **attributes))
        return out[0] if outputs == 1 else out

    def output(self, *names):
        self.outputs += names

    def save(self, path):
        infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype)
                                               if hasattr(helper, "np_dtype_to_tensor_dtype")
                                               else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[a.dtype], a.shape)
                 for n, a in self.feeds.items()]
        outputs = []
        for name in self.outputs:
            value = onnx.ValueInfoProto()
            value.name = name
            outputs.append(value)  # the type is inferred
        graph = helper.make_graph(self.nodes, "case", infos, outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MS, 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 8 if self.opset < 19 else 10
        onnx.save(model, path)


def ints(dtype, *shape):
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(dtype)


def reals(*shape, scale=1.0):
    return (random.standard_normal(shape) * scale).astype(F32)


def scalar(value, dtype=F32):
    return np.array(value, dtype)


def middle(dtype):
    """A zero point off the middle of the range."""
    return scalar(np.iinfo(dtype).min // 2 + np.iinfo(dtype).max // 2 + 5, dtype)


def quantize_cases():
    for dtype in U8, I8, U16, I16:
        opset = 13 if dtype in (U8, I8) else 21
        case = Case(f"QuantizeLinear {dtype.__name__}", opset)
        x = reals(2, 3, 17, scale=4)
        x[0, 0, :6] = 0.5, 1.5, -0.5, 1e9, -1e9, 2.5
        q = case.node("QuantizeLinear", case.input(x), scalar(0.5), middle(dtype))
        scales, zeros = np.array([0.03, 0.5, 0.01], F32), ints(dtype, 3) // 4
        by_axis = case.node("QuantizeLinear", case.input(x), scales, zeros, axis=1)
        case.output(q, by_axis, case.node("DequantizeLinear", by_axis, scales, zeros, axis=1))
        yield case
        if dtype in (U8, I8):
            contrib = Case(f"{MS}.QuantizeLinear {dtype.__name__}")
            q = contrib.node("QuantizeLinear", contrib.input(x), scales, zeros, axis=1, domain=MS)
            contrib.output(q, contrib.node("DequantizeLinear", q, scales, zeros, axis=1, domain=MS))
            yield contrib
    for bits in 4, 8:
        case = Case(f"QuantizeLinear blocked, {bits} bits", 21)
        x, scales = reals(4, 10, 6, scale=4), np.abs(reals(4, 4, 6)) + 0.1
        attributes = {"axis": 1, "block_size": 3}
        kind = TensorProto.UINT8 if bits == 8 else 22
        q = case.node("QuantizeLinear", case.input(x), scales.astype(F32), output_dtype=kind, **attributes)
        case.output(case.node("DequantizeLinear", q, scales.astype(F32), **attributes))
        yield case
    case = Case("DynamicQuantizeLinear")
    for x in reals(3, 40), np.abs(reals(5)) + 1, np.zeros((2, 2), F32):
        case.output(*case.node("DynamicQuantizeLinear", case.input(x), outputs=3))
    yield case
    for kind in 17, 18, 19, 20:
        case = Case(f"Cast to float8, kind {kind}", 19)
        x = np.concatenate([reals(400, scale=s) for s in (1e-3, 1, 100, 1e4)])
        # What rounds to 480, where E4M3FN has its NaN, onnxruntime makes 448 even if it does not saturate.
        x[(np.abs(x) > 464) & (np.abs(x) < 496)] = 1
        for saturate in 0, 1:
            case.output(case.node("Cast", case.node("Cast", case.input(x), to=kind, saturate=saturate), to=1))
        yield case


def conv_cases():
    shapes = [((1, 3, 17, 19), (8, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
              ((2, 16, 14, 14), (40, 16, 1, 1), {}),
              ((1, 8, 15, 15), (8, 1, 3, 3), {"group": 8, "pads": [1, 1, 1, 1], "strides": [2, 2]}),
              ((2, 6, 12, 9), (4, 3, 3, 2), {"group": 2, "dilations": [2, 1], "pads": [2, 0, 1, 1]}),
              ((1, 3, 32, 32), (16, 3, 7, 7), {"strides": [2, 2], "pads": [3, 3, 3, 3]})]
    for x_shape, w_shape, attributes in shapes:
        for x_type, w_type in (U8, I8), (U8, U8), (I8, I8):
            for per_channel in False, True:
                if per_channel and w_type == U8:
                    continue
                count = w_shape[0]
                case = Case(f"QLinearConv {x_shape} {w_shape} {x_type.__name__} {w_type.__name__} {per_channel}")
                w_scale = (np.abs(reals(count, scale=1e-2)) + 1e-3).astype(F32) if per_channel else scalar(0.013)
                w_zero = np.zeros(count, w_type) if per_channel else scalar(0 if w_type == I8 else 120, w_type)
                case.output(case.node("QLinearConv", case.input(ints(x_type, *x_shape)), scalar(0.02), middle(x_type),
                                      ints(w_type, *w_shape), w_scale, w_zero, scalar(0.3), middle(x_type),
                                      random.integers(-3000, 3000, count).astype(I32), **attributes))
                yield case
        for x_type, w_type in (U8, I8), (U8, U8):
            case = Case(f"ConvInteger {x_shape} {w_shape} {w_type.__name__}")
            case.output(case.node("ConvInteger", case.input(ints(x_type, *x_shape)), ints(w_type, *w_shape),
                                  middle(x_type), scalar(0 if w_type == I8 else 9, w_type), **attributes))
            yield case


def matmul_cases():
    for a_type, b_type in (U8, U8), (U8, I8), (I8, I8):
        for a_shape, b_shape in ((1, 64), (64, 10)), ((37, 129), (129, 70)), ((2, 3, 9, 16), (16, 33)), \
                                ((2, 5, 7), (2, 7, 3)):
            label = f"{a_shape} {b_shape} {a_type.__name__} {b_type.__name__}"
            case = Case(f"QLinearMatMul {label}")
            b = ints(b_type, *b_shape)
            case.output(case.node("QLinearMatMul", case.input(ints(a_type, *a_shape)), scalar(0.03), middle(a_type), b,
                                  scalar(0.01), middle(b_type), scalar(0.4), middle(a_type)))
            case.output(case.node("MatMulInteger", case.input(ints(a_type, *a_shape)), b, middle(a_type),
                                  middle(b_type)))
            yield case
            if len(b_shape) > 2:
                continue
            columns = b_shape[1]
            b_scale, b_zero = np.abs(reals(columns, scale=0.1)) + F32(0.01), ints(b_type, columns)
            case = Case(f"MatMulIntegerToFloat, DynamicQuantizeMatMul {label}")
            case.output(case.node("MatMulIntegerToFloat", case.input(ints(a_type, *a_shape)), b, scalar(0.03), b_scale,
                                  middle(a_type), b_zero, reals(columns), domain=MS))
            case.output(case.node("MatMulIntegerToFloat", case.input(ints(a_type, *a_shape)), b, scalar(0.03),
                                  scalar(0.02), domain=MS))
            if a_type == U8:
                x = case.input(reals(*a_shape))
                case.output(case.node("DynamicQuantizeMatMul", x, b, b_scale, b_zero, reals(columns), domain=MS))
                case.output(case.node("DynamicQuantizeMatMul", x, b, scalar(0.02), domain=MS))
            yield case
        for transpose_a, transpose_b in (0, 0), (0, 1), (1, 0), (1, 1):
            m, k, n = 17, 40, 30
            case = Case(f"QGemm {a_type.__name__} {b_type.__name__} {transpose_a} {transpose_b}")
            a = case.input(ints(a_type, *((k, m) if transpose_a else (m, k))))
            b = ints(b_type, *((n, k) if transpose_b else (k, n)))
            attributes = {"transA": transpose_a, "transB": transpose_b, "domain": MS}
            bias = random.integers(-5000, 5000, n).astype(I32)
            case.output(case.node("QGemm", a, scalar(0.02), middle(a_type), b, scalar(0.01), middle(b_type), bias,
                                  scalar(0.2), middle(a_type), alpha=1.5, **attributes))
            if b_type == I8:
                scales = np.abs(reals(n, scale=0.1)) + F32(0.01)
                case.output(case.node("QGemm", a, scalar(0.02), middle(a_type), b, scales, np.zeros(n, I8), bias,
                                      scalar(0.9), middle(a_type), **attributes))
            case.output(case.node("QGemm", a, scalar(0.02), middle(a_type), b, scalar(0.01), middle(b_type), None,
                                  **attributes))
            yield case


def elementwise_cases():
    for dtype in U8, I8:
        zero = middle(dtype)
        for op in "QLinearAdd", "QLinearMul":
            for a_shape, b_shape in ((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3, 4, 5), (3, 1, 1)), ((1, 6), (5, 1)), ((7,), ()):
                case = Case(f"{op} {dtype.__name__} {a_shape} {b_shape}")
                case.output(case.node(op, case.input(ints(dtype, *a_shape)), scalar(0.0313), zero,
                                      case.input(ints(dtype, *b_shape)), scalar(0.0517), scalar(3, dtype),
                                      scalar(0.0797 if op == "QLinearAdd" else 0.413), scalar(7, dtype), domain=MS))
                yield case
        every = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
        case = Case(f"QLinearSigmoid, QLinearLeakyRelu {dtype.__name__}")
        case.output(case.node("QLinearSigmoid", case.input(every), scalar(0.06), zero, scalar(1 / 256),
                              scalar(np.iinfo(dtype).min, dtype), domain=MS))
        case.output(case.node("QLinearLeakyRelu", case.input(every), scalar(0.06), zero, scalar(0.04), zero, alpha=0.2,
                              domain=MS))
        yield case
        for opset, axis in (12, 1), (13, 1), (13, -1):
            case = Case(f"QLinearSoftmax {dtype.__name__} {opset} {axis}")
            case.output(case.node("QLinearSoftmax", case.input(ints(dtype, 4, 6, 5)), scalar(0.02), zero,
                                  scalar(1 / 256), scalar(np.iinfo(dtype).min, dtype), axis=axis, opset=opset,
                                  domain=MS))
            yield case
        case = Case(f"QLinearConcat {dtype.__name__}")
        inputs = [(ints(dtype, 2, n, 3), scalar(s), scalar(z, dtype)) for n, s, z in ((2, 0.1, 3), (1, 0.2, 9),
                                                                                     (4, 0.05, -1 % 100))]
        flat = [part for x, s, z in inputs for part in (case.input(x), s, z)]
        case.output(case.node("QLinearConcat", scalar(0.1), scalar(3, dtype), *flat, axis=1, domain=MS))
        yield case
        case = Case(f"QLinearWhere {dtype.__name__}")
        case.output(case.node("QLinearWhere", case.input(random.integers(0, 2, (3, 4)).astype(bool)),
                              case.input(ints(dtype, 3, 4)), scalar(0.1), zero, case.input(ints(dtype, 1, 4)),
                              scalar(0.2), scalar(3, dtype), scalar(0.15), scalar(1, dtype), domain=MS))
        yield case


def pool_cases():
    for dtype in U8, I8:
        zero = middle(dtype)
        case = Case(f"QLinearGlobalAveragePool, QLinearReduceMean {dtype.__name__}")
        x = case.input(ints(dtype, 2, 5, 7, 7))
        case.output(case.node("QLinearGlobalAveragePool", x, scalar(0.1), zero, scalar(0.02), scalar(5, dtype),
                              domain=MS))
        yield case
        for attributes in {"kernel_shape": [2, 2], "strides": [2, 2]}, \
                {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, \
                {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "ceil_mode": 1}:
            case = Case(f"QLinearAveragePool {dtype.__name__} {attributes}")
            case.output(case.node("QLinearAveragePool", case.input(ints(dtype, 2, 3, 9, 10)), scalar(0.1031), zero,
                                  scalar(0.0713), scalar(5, dtype), domain=MS, **attributes))
            yield case


def nbits_cases():
    for bits in 4, 8:
        for k, n, block, rows in (64, 24, 32, 5), (96, 40, 16, 1), (128, 33, 128, 3), (80, 7, 32, 2):
            blocks, packed = -(-k // block), block * bits // 8
            case = Case(f"MatMulNBits {bits} bits, K {k}, N {n}, blocks of {block}")
            b = random.integers(0, 256, (n, blocks, packed)).astype(U8)
            scales = (np.abs(reals(n * blocks, scale=0.1)) + 0.01).astype(F32)
            zeros = random.integers(0, 256, n * (-(-blocks * bits // 8))).astype(U8)
            x = case.input(reals(2, rows, k))
            attributes = {"K": k, "N": n, "bits": bits, "block_size": block, "domain": MS}
            case.output(case.node("MatMulNBits", x, b, scales, **attributes))
            case.output(case.node("MatMulNBits", x, b, scales, zeros, **attributes))
            yield case


def spinel(path, feeds):
    out = os.path.join(FOLDER, "out")
    os.makedirs(out, exist_ok=True)
    arguments = []
    for name, array in feeds.items():
        file = os.path.join(FOLDER, f"{name}.npy")
        np.save(file, array)
        arguments += ["--input", f"{name}:{file}"]
    text = common.run(os.path.join(common.BIN, "spinel"), "run", path, *arguments, "--out", out, "--json")
    return {o["name"]: np.load(o["file"]) for o in json.loads(text)["outputs"]}


def judge(actual, expected):
    """Empty if they agree, else what is wrong; and the share of elements that differ."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return f"{actual.dtype}{actual.shape}, expected {expected.dtype}{expected.shape}", 1.0
    if np.issubdtype(expected.dtype, np.floating):
        same = np.isnan(actual) & np.isnan(expected) | (actual == expected)
        if same.all():
            return "", 0.0
        _, worst = common.differences(actual, expected)
        return "" if worst <= FLOAT_LIMIT else f"rel. max {worst:.1e}", float((~same).mean())
    off = np.abs(actual.astype(np.int64) - expected.astype(np.int64))
    share = float((off != 0).mean()) if off.size else 0.0
    # One element of a small tensor may be off, too.
    if off.size and (off.max() > 1 or (share > MOST_OFF_BY_ONE and (off != 0).sum() > 1)):
        return f"{(off != 0).sum()} of {off.size} differ, by at most {off.max()}", share
    return "", share


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    os.makedirs(FOLDER, exist_ok=True)
    failed, count, exact = [], 0, 0
    for cases in quantize_cases, conv_cases, matmul_cases, elementwise_cases, pool_cases, nbits_cases:
        for case in cases():
            if only not in case.name:
                continue
            path = os.path.join(FOLDER, "case.onnx")
            case.save(path)
            try:
                session = common.session(onnxruntime, path)
                expected = dict(zip(case.outputs, session.run(case.outputs, case.feeds)))
            except Exception as error:  # onnxruntime has no single class for its errors
                print(f"{case.name}: onnxruntime: {error}")
                failed.append(case.name)
                continue
            try:
                actual = spinel(path, case.feeds)
                verdicts = [judge(actual[name], expected[name]) for name in case.outputs]
            except RuntimeError as error:
                verdicts = [(str(error), 1.0)]
            count += 1
            exact += all(share == 0 for _, share in verdicts)
            for problem, share in verdicts:
                if problem or share:
                    print(f"{case.name}: {problem or 'ok'}, {share:.2%} of elements differ", flush=True)
            if any(problem for problem, _ in verdicts):
                failed.append(case.name)
    print(f"{count} cases, {exact} bit-equal, {len(failed)} failed")
    if failed or not count:
        print("\n".join(["failed:", *failed]))
        sys.exit(1)


main()
