"""The models that compare_ort.py runs: torchvision exports, shipped ones, and small ones made here."""

import os
import sys

import common

sys.path.append(os.path.join(common.SOURCE, "tests", "bench"))
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from float_types import as_float32

FLOAT, FLOAT16, INT64, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.BOOL
NETWORKS = ("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "squeezenet1_1", "densenet121")


def scaled_weights(folder, network):
    """A state_dict of random weights (fixed seed) under which every BatchNorm receives values of about size one."""
    import torch
    import torchvision

    import export_models

    path = os.path.join(folder, f"{network}.pth")
    if os.path.exists(path):
        return path
    torch.manual_seed(0)
    model = getattr(torchvision.models, network)()
    export_models.scale_normalisations(model, (torch.randn(2, 3, 224, 224),))
    torch.save(model.state_dict(), path + ".part")
    os.replace(path + ".part", path)
    return path


def export(folder, network, opset, mode, dtype):
    """An export by samples/resnet/export_onnx.py; kept from an earlier run."""
    path = os.path.join(folder, f"{network}_op{opset}_{mode}_{dtype}.onnx")
    script = os.path.join(common.RESNET, "export_onnx.py")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(script):
        common.run(sys.executable, "-B", script, "--model", network, "--weights", scaled_weights(folder, network),
                   "--opset", opset, "--mode", mode, "--dtype", dtype, "--out", path)
    return path


def value(name, dtype, dims):
    return helper.make_tensor_value_info(name, dtype, dims)


def save(path, nodes, inputs, outputs, constants=(), opset=17):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(constants).items()]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, tensors),
                              opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def conv_with_run_time_weights(path):
    """Weights and bias of one Conv are inputs, those of a grouped second one come from the first one's result."""
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
             helper.make_node("GlobalAveragePool", ["c"], ["mean"]),
             helper.make_node("Slice", ["mean", "zero", "one", "zero"], ["first"]),
             helper.make_node("Reshape", ["first", "shape"], ["w2"]),
             helper.make_node("Conv", ["c", "w2"], ["y"], group=2)]
    inputs = [value("x", FLOAT, ["n", 3, "h", "w"]), value("w", FLOAT, [8, 3, 3, 3]), value("b", FLOAT, [8])]
    constants = {"zero": np.array([0]), "one": np.array([1]), "shape": np.array([2, 4, 1, 1])}
    return save(path, nodes, inputs, [value("y", FLOAT, ["n", 2, "h", "w"])], constants)


def matmul_with_run_time_weights(path):
    """Both operands of MatMul and of Gemm are computed."""
    nodes = [helper.make_node("MatMul", ["a", "b"], ["ab"]),
             helper.make_node("Transpose", ["ab"], ["abt"], perm=[0, 2, 1]),
             helper.make_node("MatMul", ["ab", "abt"], ["square"]),
             helper.make_node("Flatten", ["square"], ["flat"]),
             helper.make_node("Gemm", ["flat", "flat"], ["y"], transB=1, alpha=0.5)]
    inputs = [value("a", FLOAT, ["n", 5, 7]), value("b", FLOAT, ["n", 7, 6])]
    return save(path, nodes, inputs, [value("square", FLOAT, ["n", 5, 5]), value("y", FLOAT, ["n", "n"])])


def if_and_loop(path):
    """A Loop that captures a weight, collects a scan output and may end early, then an If over its result."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "weight"], ["product"]),
         helper.make_node("Tanh", ["product"], ["next"]),
         helper.make_node("ReduceSum", ["next"], ["sum"], keepdims=0),
         helper.make_node("Less", ["sum", "bound"], ["go_on"]),
         helper.make_node("Identity", ["sum"], ["scanned"])],
        "body", [value("step", INT64, []), value("cond", BOOL, []), value("state", FLOAT, None)],
        [value("go_on", BOOL, []), value("next", FLOAT, None), value("scanned", FLOAT, [])])
    then_branch = helper.make_graph([helper.make_node("Relu", ["last"], ["then_y"])], "then", [],
                                    [value("then_y", FLOAT, None)])
    else_branch = helper.make_graph([helper.make_node("Mul", ["last", "weight_row"], ["scaled"]),
                                     helper.make_node("Concat", ["scaled", "scaled"], ["else_y"], axis=0)], "else", [],
                                    [value("else_y", FLOAT, None)])
    nodes = [helper.make_node("Loop", ["trips", "yes", "x"], ["last", "sums"], body=body),
             helper.make_node("ReduceMax", ["last"], ["peak"], keepdims=0),
             helper.make_node("Greater", ["peak", "bound"], ["is_high"]),
             helper.make_node("If", ["is_high"], ["y"], then_branch=then_branch, else_branch=else_branch)]
    generator = np.random.default_rng(3)
    constants = {"weight": generator.standard_normal((4, 4)).astype(np.float32),
                 "weight_row": generator.standard_normal((1, 4)).astype(np.float32),
                 "bound": np.array(0.6, np.float32), "yes": np.array(True)}
    inputs = [value("x", FLOAT, [3, 4]), value("trips", INT64, [])]
    return save(path, nodes, inputs, [value("y", FLOAT, ["rows", 4]), value("sums", FLOAT, ["steps"])], constants)
