"""Operators of com.microsoft, attention and random numbers, by `spinel run` and by onnxruntime.

Floats agree to 2e-5 of the greatest value of the output (float16: 4e-3), everything else exactly. --only WORD runs
the cases whose name holds WORD.
"""

import json
import os
import sys

import common

onnxruntime = common.with_onnxruntime("contrib operators against onnxruntime")

import numpy as np
import onnx
from onnx import helper, numpy_helper

FOLDER = os.path.join(common.WORK, "contrib_ops")
LIMITS = {np.dtype(np.float32): 2e-5, np.dtype(np.float16): 4e-3}
MS = "com.microsoft"
F32, I32, I64, U8, I8 = np.float32, np.int32, np.int64, np.uint8, np.int8
random = np.random.default_rng(7)


def reals(*shape, scale=1.0, dtype=F32):
    return (random.standard_normal(shape) * scale).astype(dtype)


class Case:
    """One node. Arrays are inputs, those in `constants` initializers; None is left out.

    `like` is another case, whose results onnxruntime gives instead; `limit` replaces that of the outputs' type, and
    `compared` is how many of the first outputs are compared, if not all.
    """

    def __init__(self, name, op, *inputs, outputs=1, domain=MS, constants=(), opset=17, like=None, limit=None,
                 compared=None, **attributes):
        self.name, self.feeds, self.initializers, self.like, self.limit = f"{op} {name}", {}, [], like, limit
        names = []
        for i, array in enumerate(inputs):
            names.append("" if array is None else f"x{i}")
            if i in constants:
                self.initializers.append(numpy_helper.from_array(array, f"x{i}"))
            elif array is not None:
                self.feeds[f"x{i}"] = array
        self.compared = compared
        wanted = range(outputs) if isinstance(outputs, int) else outputs
        self.outputs = [f"y{i}" for i in wanted]
        made = [f"y{i}" if i in wanted else "" for i in range(max(wanted) + 1)]
        self.node = helper.make_node(op, names, made, domain=domain, **attributes)
        self.opset = opset

    def save(self, path):
        types = {np.dtype(t): n for t, n in ((F32, 1), (U8, 2), (I8, 3), (I32, 6), (I64, 7), (np.bool_, 9),
                                             (np.float16, 10))}
        infos = [helper.make_tensor_value_info(n, types[a.dtype], a.shape) for n, a in self.feeds.items()]
        outputs = [onnx.ValueInfoProto(name=n) for n in self.outputs]
        graph = helper.make_graph([self.node], "case", infos, outputs, self.initializers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MS, 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 8 if self.opset < 19 else 10
        onnx.save(model, path)


def activation_cases():
    x, bias = reals(2, 5, 12, scale=3), reals(12)
    yield Case("", "Gelu", x)
    yield Case("", "QuickGelu", x, alpha=1.25)
    yield Case("", "BiasGelu", x, bias)
    yield Case("", "FastGelu", x)
    yield Case("with bias", "FastGelu", x, bias)


def norm_cases():
    x, skip, gamma, beta, bias = reals(2, 5, 12), reals(2, 5, 12), reals(12), reals(12), reals(12)
    yield Case("", "SkipLayerNormalization", x, skip, gamma, beta, epsilon=1e-5)
    yield Case("bias and sum", "SkipLayerNormalization", x, skip, gamma, beta, bias, outputs=[0, 3])
    yield Case("without beta", "SkipLayerNormalization", x, skip, gamma, epsilon=1e-3)
    yield Case("skip is repeated", "SkipLayerNormalization", x, reals(1, 5, 12), gamma, beta)
    yield Case("", "SkipSimplifiedLayerNormalization", x, skip, gamma, outputs=[0, 3])
    yield Case("bias", "SkipSimplifiedLayerNormalization", x, skip, gamma, bias, epsilon=1e-4)
    yield Case("", "SimplifiedLayerNormalization", x, gamma, domain="", axis=-1, epsilon=1e-4)
    yield Case("opset 12", "LayerNormalization", x, gamma, beta, domain="", opset=12)
    ids, segments = random.integers(0, 20, (2, 5)).astype(I32), random.integers(0, 2, (2, 5)).astype(I32)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], I32)
    tables = reals(20, 12), reals(9, 12), reals(2, 12)
    yield Case("", "EmbedLayerNormalization", ids, segments, *tables, gamma, beta, mask, outputs=2)
    yield Case("no segments", "EmbedLayerNormalization", ids, None, tables[0], tables[1], None, gamma, beta, outputs=2)
    yield Case("positions and sum", "EmbedLayerNormalization", ids, segments, *tables, gamma, beta, mask,
               random.integers(0, 9, (2, 5)).astype(I32), outputs=3, mask_index_type=0)


def product_cases():
    x, w, b = reals(2, 3, 9, 8), reals(6, 3, 3, 3), reals(6)
    for activation, parameters in (("Relu", []), ("Tanh", []), ("Sigmoid", []), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 1.0]),
                                   ("HardSigmoid", [0.3, 0.4])):
        extra = {"activation_params": parameters} if parameters else {}
        yield Case(activation, "FusedConv", x, w, b, constants=(1, 2), pads=[1, 1, 1, 1], activation=activation, **extra)
    yield Case("with a sum", "FusedConv", x, w, b, reals(2, 6, 5, 4), constants=(1, 2), strides=[2, 2], pads=[1, 1, 1, 1],
               activation="Relu")
    yield Case("without bias", "FusedConv", x, w, constants=(1,), activation="Relu")
    nhwc = reals(2, 9, 8, 3)
    if "NhwcConv" in sys.argv:
        yield Case("", "NhwcConv", nhwc, w, b, constants=(1, 2), pads=[1, 1, 1, 1])
    a, c = reals(4, 5), reals(5, 7)
    yield Case("Relu", "FusedGemm", a, c, reals(7), alpha=0.5, beta=2.0, activation="Relu")
    yield Case("LeakyRelu", "FusedGemm", a, np.ascontiguousarray(c.T), reals(4, 7), transB=1, activation="LeakyRelu",
               activation_alpha=0.3)
    p, q = reals(2, 3, 4, 5), reals(2, 3, 6, 5)
    yield Case("transB", "FusedMatMul", p, q, transB=1, alpha=0.125)
    yield Case("transA", "FusedMatMul", reals(2, 3, 5, 4), reals(5, 6), transA=1)
    yield Case("batch inside", "FusedMatMul", reals(4, 2, 3, 5), reals(6, 2, 3, 5), transBatchA=1, transBatchB=1, transB=1)
    yield Case("batch inside, transA", "FusedMatMul", reals(5, 2, 3, 4), reals(2, 3, 5, 6), transA=1, transBatchA=1)
    yield Case("vector", "FusedMatMul", reals(5), reals(5, 6), alpha=2.0)
    yield Case("", "TransposeMatMul", p, q, transB=1)


def misc_cases():
    yield Case("", "Trilu", reals(3, 4), np.array(1, I64), upper=0, constants=(1,))
    yield Case("", "Range", np.array(2, I32), np.array(11, I32), np.array(3, I32), constants=(0, 1, 2))
    yield Case("", "ExpandDims", reals(3, 4), np.array(1, I32), constants=(1,))
    yield Case("negative", "ExpandDims", reals(3, 4), np.array(-1, I32), constants=(1,))
    yield Case("", "Unique", np.array([2, 1, 1, 3, 4, 3], F32), outputs=3)
    yield Case("", "Pad", reals(2, 3), np.array([0, 1, 2, 0], I64), np.array([1.5], F32), constants=(1, 2))
    yield Case("", "Inverse", reals(2, 4, 4) + 3 * np.eye(4, dtype=F32))


def attention_cases():
    heads, length, width = 3, 6, 12
    x, w, b = reals(2, length, width), reals(width, 3 * width, scale=0.5), reals(3 * width)
    basic = {"num_heads": heads}
    yield Case("", "Attention", x, w, b, constants=(1, 2), **basic)
    yield Case("causal", "Attention", x, w, b, constants=(1, 2), unidirectional=1, **basic)
    mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], I32)
    yield Case("mask", "Attention", x, w, b, mask, constants=(1, 2), **basic)
    yield Case("lengths", "Attention", x, w, b, np.array([4, 6], I32), constants=(1, 2), **basic)
    yield Case("lengths and begins", "Attention", x, w, b, np.array([4, 6, 1, 0], I32), constants=(1, 2), **basic)
    yield Case("mask of rows", "Attention", x, w, b, random.integers(0, 2, (2, length, length)).astype(I32), constants=(1, 2),
               **basic)
    yield Case("mask and bias, scaled", "Attention", x, w, b, mask, None, reals(2, heads, length, length), constants=(1, 2),
               scale=0.3, mask_filter_value=-1000.0, **basic)
    yield Case("past", "Attention", x, w, b, None, reals(2, 2, heads, 4, 4), outputs=2, constants=(1, 2), unidirectional=1,
               **basic)
    yield Case("other width of V", "Attention", x, reals(width, 2 * width + 6), reals(2 * width + 6), constants=(1, 2),
               qkv_hidden_sizes=[12, 12, 6], **basic)
    q, k, v = reals(2, length, width), reals(2, 5, width), reals(2, 5, width)
    yield Case("", "MultiHeadAttention", q, k, v, **basic)
    yield Case("bias and padding", "MultiHeadAttention", q, k, v, b, np.array([[1, 1, 1, 0, 0], [1] * 5], I32), constants=(3,),
               **basic)
    yield Case("attention bias", "MultiHeadAttention", q, k, v, None, None, reals(1, heads, length, 5), **basic)
    yield Case("past", "MultiHeadAttention", q, k, v, None, None, None, reals(2, heads, 4, 4), reals(2, heads, 4, 4),
               outputs=3, **basic)
    yield Case("causal", "MultiHeadAttention", q, q + 1, q - 1, unidirectional=1, **basic)
    angles = random.uniform(0, 6, (8, 2))
    caches = np.cos(angles).astype(F32), np.sin(angles).astype(F32)
    positions = np.array([[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]], I64)
    yield Case("3 dims", "RotaryEmbedding", x, positions, *caches)
    yield Case("interleaved, one offset", "RotaryEmbedding", x, np.array([2], I64), *caches, interleaved=1)
    yield Case("4 dims", "RotaryEmbedding", reals(2, heads, length, 4), positions, *caches)
    yield Case("a part of the head", "RotaryEmbedding", reals(2, length, 24), positions, *caches, num_heads=3,
               rotary_embedding_dim=4)
    onnx_heads = {"q_num_heads": 4, "kv_num_heads": 2, "domain": "", "opset": 23}
    q4, k4, v4 = reals(2, 4, 5, 8), reals(2, 2, 7, 8), reals(2, 2, 7, 6)
    yield Case("ai.onnx, shared keys", "Attention", q4, k4, v4, domain="", opset=23)
    yield Case("ai.onnx, causal with past", "Attention", q4, k4[:, :, :5], v4[:, :, :5], None, reals(2, 2, 3, 8), reals(2, 2, 3, 6),
               outputs=3, domain="", opset=23, is_causal=1)
    yield Case("ai.onnx, 3 dims, bool mask", "Attention", reals(2, 5, 32), reals(2, 7, 16), reals(2, 7, 12),
               random.integers(0, 2, (2, 4, 5, 7)) > 0, **onnx_heads)
    yield Case("ai.onnx, softcap", "Attention", q4, k4, v4, reals(5, 7), domain="", opset=23, softcap=2.0)
    yield Case("ai.onnx, float16", "Attention", *(t.astype(np.float16) for t in (q4, k4, v4)), domain="", opset=23)

def group_query_cases():
    """A prompt, and tokens after a past, of 4 heads over 2."""
    heads, columns, basic = 4, 16, {"num_heads": 4, "kv_num_heads": 2, "outputs": 3}
    angles = random.uniform(0, 6, (16, columns // 2))
    tables = np.cos(angles).astype(F32), np.sin(angles).astype(F32)

    def inputs(batch, rows, past, lengths, packed=False, dtype=F32):
        q, k, v = (reals(batch, rows, n * columns, dtype=dtype) for n in (heads, 2, 2))
        before = [reals(batch, 2, past, columns, dtype=dtype) for _ in range(2)] if past else [None, None]
        total = np.array(max(lengths), I32)
        parts = [np.concatenate([q, k, v], -1), None, None] if packed else [q, k, v]
        return [*parts, *before, np.array(lengths, I32) - 1, total]

    prompt, later = inputs(2, 5, 0, [5, 5]), inputs(2, 1, 6, [7, 7])
    for name, given in (("prompt", prompt), ("later token", later)):
        yield Case(name, "GroupQueryAttention", *given, **basic)
        yield Case(f"{name}, rotated", "GroupQueryAttention", *given, *tables, do_rotary=1, **basic)
        yield Case(f"{name}, rotated, neighbours", "GroupQueryAttention", *given, *tables, do_rotary=1,
                   rotary_interleaved=1, **basic)
        yield Case(f"{name}, window", "GroupQueryAttention", *given, local_window_size=3, **basic)
        yield Case(f"{name}, softcap and scale", "GroupQueryAttention", *given, softcap=2.0, scale=0.7, **basic)
        yield Case(f"{name}, smooth", "GroupQueryAttention", *given, smooth_softmax=1, **basic)
        rows, total = given[0].shape[1], int(given[6])
        yield Case(f"{name}, bias", "GroupQueryAttention", *given, None, None, None, reals(1, heads, rows, total),
                   softcap=1.5, **basic)
        yield Case(f"{name}, sink", "GroupQueryAttention", *given, None, None, None, None, reals(heads), **basic)
    yield Case("packed prompt", "GroupQueryAttention", *inputs(2, 5, 0, [5, 5], packed=True), *tables,
               do_rotary=1, **basic)
    yield Case("packed token", "GroupQueryAttention", *inputs(2, 1, 6, [7, 7], packed=True), **basic)
    yield Case("several later tokens", "GroupQueryAttention", *inputs(1, 3, 6, [9]), *tables, do_rotary=1,
               **basic)
    # What the caches hold behind a sample's end is left open.
    yield Case("samples of several lengths", "GroupQueryAttention", *inputs(3, 1, 6, [4, 7, 2]), *tables, do_rotary=1,
               compared=1, **basic)
    yield Case("a cache of more room", "GroupQueryAttention", *inputs(2, 1, 9, [7, 7]), compared=1, **basic)
    yield Case("float16", "GroupQueryAttention", *inputs(2, 5, 0, [5, 5], dtype=np.float16), **basic)


def quantized_cases():
    heads, width = 3, 12

    def bytes_of(*shape, dtype=U8):
        low, high = (0, 256) if dtype == U8 else (-128, 128)
        return random.integers(low, high, shape).astype(dtype)

    def attention(name, x, w, *rest, scale=F32(0.01), **more):
        return Case(name, "QAttention", x, w, reals(3 * width), np.array(0.02, F32), np.asarray(scale), *rest,
                    constants=(1, 2, 3, 4, 6, 7), num_heads=heads, **more)

    mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], I32)
    x, w = bytes_of(2, 6, width), bytes_of(width, 3 * width, dtype=I8)
    yield attention("", x, w, None, np.array(120, U8), np.array(3, I8))
    yield attention("no zero points", x, w)
    yield attention("mask", x, w, mask, np.array(120, U8), np.array(3, I8))
    yield attention("causal", x, bytes_of(width, 3 * width), None, np.array(120, U8), np.array(100, U8), unidirectional=1)
    yield attention("a scale and zero point a column", x, w, None, np.array(120, U8), bytes_of(3 * width, dtype=I8),
                    scale=random.uniform(0.005, 0.02, 3 * width).astype(F32))
    yield attention("past", x, w, None, np.array(120, U8), np.array(0, I8), reals(2, 2, heads, 4, 4), outputs=2)

    hidden, columns, steps = 5, 7, 4
    for name, directions, per_row, dtype in (("", 1, False, I8), ("both directions", 2, False, U8), ("a scale a row", 2, True, I8)):
        shape = (directions, 4 * hidden) if per_row else (directions,)
        sequence = reals(steps, 3, columns)
        state = [reals(directions, 3, hidden, scale=0.5) for _ in range(2)]
        biases = reals(directions, 8 * hidden, scale=0.1)
        parts, real = [], []
        for rows in (columns, hidden):
            values, scales = bytes_of(directions, rows, 4 * hidden, dtype=dtype), random.uniform(0.003, 0.006, shape).astype(F32)
            zeros = random.integers(100, 140, shape).astype(U8) if dtype == U8 else np.zeros(shape, I8)
            parts.append((values, scales, zeros))
            aligned = [a.reshape(directions, 1, -1).astype(F32) for a in (zeros, scales)]
            real.append(((values - aligned[0]) * aligned[1]).transpose(0, 2, 1).copy())
        how = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward", "outputs": 3}
        (w, ws, wz), (r, rs, rz) = parts
        inputs = [sequence, w, r, biases, None, *state, None, ws, wz, rs, rz]
        exact = Case("", "LSTM", sequence, *real, biases, None, *state, domain="", constants=(1, 2, 3), **how)
        weights = (1, 2, 3, 8, 9, 10, 11)
        yield Case(f"{name}, like LSTM of the same weights", "DynamicQuantizeLSTM", *inputs, constants=weights, like=exact, **how)
        # onnxruntime rounds the input and the state to 8 bits, too: it is less exact than we.
        yield Case(name, "DynamicQuantizeLSTM", *inputs, constants=weights, limit=4e-2, **how)


def spinel(path, feeds):
    out = os.path.join(FOLDER, "out")
    arguments = []
    for name, array in feeds.items():
        file = os.path.join(FOLDER, f"{name}.npy")
        np.save(file, array)
        arguments += ["--input", f"{name}:{file}"]
    text = common.run(os.path.join(common.BIN, "spinel"), "run", path, *arguments, "--out", out, "--json")
    return {o["name"]: np.load(o["file"]) for o in json.loads(text)["outputs"]}


def judge(actual, expected, limit=None):
    """Empty, or what is wrong."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return f"{actual.dtype}{actual.shape}, expected {expected.dtype}{expected.shape}"
    limit = LIMITS.get(expected.dtype, 0) if limit is None else limit
    worst = common.differences(actual, expected)[1] if expected.size else 0
    return "" if worst <= limit else f"differs by {worst:.1e} of the greatest value"


def main():
    os.makedirs(FOLDER, exist_ok=True)
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    failed, count = [], 0
    for family in (activation_cases, norm_cases, product_cases, misc_cases, attention_cases, group_query_cases,
                   quantized_cases):
        for case in family():
            if only not in case.name:
                continue
            path = os.path.join(FOLDER, "case.onnx")
            case.save(path)
            count += 1
            try:
                reference = os.path.join(FOLDER, "reference.onnx")
                (case.like or case).save(reference)
                expected = common.session(onnxruntime, reference).run(case.outputs, case.feeds)
            except Exception as error:  # A release without the kernel is no failure of ours, but must be seen.
                print(f"{case.name}: onnxruntime does not run it: {str(error).splitlines()[0][:150]}")
                failed.append(case.name)
                continue
            try:
                actual = spinel(path, case.feeds)
                wrong = [f"{n}: {w}" for n, e in zip(case.outputs[:case.compared], expected) if (w := judge(actual[n], e, case.limit))]
            except RuntimeError as error:
                wrong = [str(error)]
            if wrong:
                failed.append(case.name)
                print(f"{case.name}: {'; '.join(wrong)}")
    print(f"{count} cases, {len(failed)} failed")
    return 1 if failed else 0


sys.exit(main())
