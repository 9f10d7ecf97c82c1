#!/usr/bin/env python3
"""Converts a float32 ONNX model to float16: weights, values, inputs and outputs.

Names of nodes and values stay. What an operator takes in float32 only (the scales of Resize, ...) stays float32.
"""

import os

import common
from common import UserError

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, numpy_helper
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements.txt")

# Inputs that the ONNX standard fixes to float32, by operator: these must come from constants.
FLOAT32_INPUTS = {"Resize": (1, 2), "Upsample": (1,), "NonMaxSuppression": (0, 1, 3, 4)}
# Operators without a float16 kind.
FLOAT32_OPS = {"NonMaxSuppression"}
LARGEST = 65504.0


def half(tensor, where, report):
    """The float32 tensor `tensor` as a float16 one of the same name; what is out of range becomes the largest half."""
    values = numpy_helper.to_array(tensor)
    finite = np.isfinite(values)
    if (np.abs(values[finite]) > LARGEST).any():
        report.append(f"{where}: values beyond the float16 range, cut to {LARGEST:g}")
        values = np.where(finite, np.clip(values, -LARGEST, LARGEST), values)
    return numpy_helper.from_array(values.astype(np.float16), tensor.name)


def convert_graph(graph, report):
    """Converts a graph, and the graphs inside its nodes, in place."""
    kept = {node.input[i] for node in graph.node for i in FLOAT32_INPUTS.get(node.op_type, ()) if i < len(node.input)}
    constants = {t.name for t in graph.initializer} | {n.output[0] for n in graph.node if n.op_type == "Constant"}
    for name in kept - constants - {""}:
        raise UserError(f"value {name} must be float32 but is computed; leave this model in float32")
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in kept:
            tensor.CopyFrom(half(tensor, f"weight {tensor.name}", report))
    for info in [*graph.input, *graph.output, *graph.value_info]:
        if info.type.tensor_type.elem_type == TensorProto.FLOAT and info.name not in kept:
            info.type.tensor_type.elem_type = TensorProto.FLOAT16
    for node in graph.node:
        where = f"{node.op_type} {node.name}"
        if node.op_type in FLOAT32_OPS:
            raise UserError(f"{where}: has no float16 kind; leave this model in float32")
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                convert_graph(attribute.g, report)
            elif attribute.type == onnx.AttributeProto.GRAPHS:
                for inner in attribute.graphs:
                    convert_graph(inner, report)
            elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
                if not (node.op_type == "Constant" and node.output[0] in kept):
                    attribute.t.CopyFrom(half(attribute.t, where, report))
            elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                if node.output[0] not in kept:
                    values = attribute.f if attribute.name == "value_float" else list(attribute.floats)
                    tensor = half(numpy_helper.from_array(np.array(values, np.float32)), where, report)
                    attribute.CopyFrom(onnx.helper.make_attribute("value", tensor))
            elif attribute.name in ("to", "dtype") and node.op_type != "TfIdfVectorizer":
                if attribute.i == TensorProto.FLOAT:
                    attribute.i = TensorProto.FLOAT16
        if node.op_type in ("RandomNormal", "RandomUniform") and not any(a.name == "dtype" for a in node.attribute):
            node.attribute.append(onnx.helper.make_attribute("dtype", TensorProto.FLOAT16))


def convert(model):
    """Converts the model in place; returns it, and a list of remarks."""
    report = []
    convert_graph(model.graph, report)
    onnx.checker.check_model(model, full_check=True)
    return model, report


def convert_file(source, target):
    """Converts the file `source` to the file `target`; remarks are printed."""
    try:
        model = onnx.load(source)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise UserError(f"{source}: not an ONNX model ({error})") from None
    model, report = convert(model)
    for line in report:
        print(f"note: {line}")
    onnx.save(model, target)


def main():
    parser = common.Parser(description=__doc__.split("\n\n")[0])
    parser.add_argument("source", help="float32 ONNX model")
    parser.add_argument("target", help="float16 ONNX model to write")
    args = parser.parse_args()
    convert_file(args.source, args.target)
    print(f"wrote {args.target} ({os.path.getsize(args.target)} bytes)")


if __name__ == "__main__":
    common.run_main(main)
