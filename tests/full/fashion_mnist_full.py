"""All 10,000 Fashion-MNIST test images through resnet_valid, onnxruntime and PyTorch.

Our metric differs from onnxruntime's by at most 0.1% relative, float32 and float16; onnxruntime's from PyTorch's by at
most 1%. The others' input comes from Pillow and numpy, not from our preprocessing.
"""

import json
import os
import shutil
import sys
import time

import common

onnxruntime = common.with_onnxruntime("Fashion-MNIST against onnxruntime")

import numpy as np

SPINEL_LIMIT = 1e-3
FRAMEWORK_LIMIT = 1e-2
DATA = "/usr/share/datasets/fashion-mnist"
MODELS = {"float32": "resnet_fashion.onnx", "float16": "resnet_fashion_fp16.onnx"}


def image_folder():
    """The folder that prepare_dataset.py writes; kept from an earlier run when it is whole."""
    folder = os.path.join(common.WORK, "fashion_test")
    done = os.path.join(common.WORK, "fashion_test.done")
    if not os.path.exists(done):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(common.WORK, exist_ok=True)
        common.run(sys.executable, "-B", os.path.join(common.RESNET, "prepare_dataset.py"), folder)
        open(done, "w").close()
    return folder


def load(folder):
    """Input [10000, 3, 32, 32] float32 by the recipe of the flows, and labels."""
    from PIL import Image

    pixels, labels = [], []
    for label, name in enumerate(sorted(os.listdir(folder))):
        for file in sorted(os.listdir(os.path.join(folder, name))):
            image = Image.open(os.path.join(folder, name, file)).convert("RGB").resize((36, 36), Image.BILINEAR)
            pixels.append(np.asarray(image.crop((2, 2, 34, 34))))
            labels.append(label)
    values = np.stack(pixels).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    mean = np.array((0.485, 0.456, 0.406), np.float32).reshape(1, 3, 1, 1)
    std = np.array((0.229, 0.224, 0.225), np.float32).reshape(1, 3, 1, 1)
    return (values - mean) / std, np.array(labels)


def onnxruntime_metric(path, values, labels):
    session = common.session(onnxruntime, path)
    dtype = np.float16 if session.get_inputs()[0].type == "tensor(float16)" else np.float32
    name = session.get_inputs()[0].name
    hits = 0
    for begin in range(0, len(labels), 250):
        scores = session.run(None, {name: values[begin:begin + 250].astype(dtype)})[0]
        hits += int((scores.argmax(1) == labels[begin:begin + 250]).sum())
    return hits / len(labels)


def pytorch_metric(path, values, labels):
    """The network's operators by PyTorch, with the weights of the file."""
    import onnx
    import torch
    import torch.nn.functional as F
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    weights = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}

    def conv(attributes, x, w, b=None):
        pads = attributes.get("pads", [0, 0, 0, 0])
        assert pads[:2] == pads[2:], "PyTorch pads both sides alike"
        return F.conv2d(x, w, b, attributes.get("strides", 1), pads[:2], attributes.get("dilations", 1),
                        attributes.get("group", 1))

    operators = {"Conv": conv, "Add": lambda _, a, b: a + b, "Relu": lambda _, x: F.relu(x),
                 "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
                 "Flatten": lambda _, x: x.flatten(1),
                 "Gemm": lambda a, x, w, b: F.linear(x, w if a.get("transB") else w.T, b)}
    hits = 0
    with torch.no_grad():
        for begin in range(0, len(labels), 250):
            known = {**weights, graph.input[0].name: torch.from_numpy(values[begin:begin + 250])}
            for node in graph.node:
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                known[node.output[0]] = operators[node.op_type](attributes, *(known[i] for i in node.input))
            scores = known[graph.output[0].name].numpy()
            hits += int((scores.argmax(1) == labels[begin:begin + 250]).sum())
    return hits / len(labels)


def spinel_metric(path, folder):
    start = time.time()
    text = common.run(os.path.join(common.BIN, "resnet_valid"), "--ckpt", path, "--data_path", folder, "--batch_size",
                      64, "--json")
    result = json.loads(text)
    if (result["attempted"], result["done"]) != (10000, 10000):
        raise RuntimeError(f"counts do not balance: {text}")
    print(f"resnet_valid: {result['avg_sps']:.0f} images/s, {time.time() - start:.0f} s", flush=True)
    return result["eval_metric"]


def relative(actual, expected):
    return abs(actual - expected) / expected


def main():
    if not os.path.isdir(DATA):
        common.skip("Fashion-MNIST, 10,000 images", "the Debian package dataset-fashion-mnist is not installed")
    folder = image_folder()
    values, labels = load(folder)
    if len(labels) != 10000:
        raise RuntimeError(f"{folder}: {len(labels)} images, expected 10000")
    failed = False
    for dtype, file in MODELS.items():
        path = os.path.join(common.RESNET, file)
        theirs, ours = onnxruntime_metric(path, values, labels), spinel_metric(path, folder)
        passed = relative(ours, theirs) <= SPINEL_LIMIT
        failed |= not passed
        print(f"{dtype}: spinel {ours}, onnxruntime {theirs}: {relative(ours, theirs):.2e} relative, limit "
              f"{SPINEL_LIMIT:g}: {'ok' if passed else 'FAILED'}", flush=True)
        if dtype == "float32":
            framework = pytorch_metric(path, values, labels)
            passed = relative(theirs, framework) <= FRAMEWORK_LIMIT and framework >= 0.93
            failed |= not passed
            print(f"onnxruntime {theirs}, PyTorch {framework}: {relative(theirs, framework):.2e} relative, limit "
                  f"{FRAMEWORK_LIMIT:g}: {'ok' if passed else 'FAILED'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
