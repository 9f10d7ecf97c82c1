#!/usr/bin/python3
"""Exports the networks that Spinel is measured on, with random weights, to ONNX.

    tests/bench/export_models.py [FOLDER] [--models resnet50,bert_base,...]

FOLDER is build/bench_models unless given. Needs torch and torchvision as Debian packages them (1.13 and 0.14), hence the
interpreter of the first line. A model that is already in the folder is kept. Prints name, bytes and nodes of each.

Every model takes a batch of any size (axis `batch`), opset 17, as torch's exporter writes it for inference. Weights are
PyTorch's initialisation after seed 1. That alone lets activations grow or vanish in deep networks, so the statistics of
batch normalisations are calibrated by forward passes of random data. ResNet-50 comes in three kinds:
`resnet50` (PyTorch's initialisation alone), `resnet50_calibrated`, and `resnet50_unfolded` (calibrated, with its
BatchNormalization nodes left in the graph).
"""
import argparse
import os
import pathlib
import sys
import warnings

import onnx
import torch
import torchvision

import networks
from bert import BertModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION_PASSES = 3


class MainOutput(torch.nn.Module):
    """A segmentation model that returns its score map instead of a dict."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input):
        return self.model(input)["out"]


def deeplabv3():
    return MainOutput(torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None))


def vit():
    """ViT-B/16 whose classifier, which torchvision leaves at zero, has weights."""
    model = torchvision.models.vit_b_16()
    torch.nn.init.normal_(model.heads.head.weight, std=0.02)
    return model


# name: (constructor, outputs, calibrate batch normalisations, fold them into convolutions)
MODELS = {
    "resnet50": (torchvision.models.resnet50, ["output"], False, True),
    "resnet50_calibrated": (torchvision.models.resnet50, ["output"], True, True),
    "resnet50_unfolded": (torchvision.models.resnet50, ["output"], True, False),
    "resnet18": (torchvision.models.resnet18, ["output"], True, True),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, ["output"], True, True),
    "mobilenet_v3_large": (torchvision.models.mobilenet_v3_large, ["output"], True, True),
    "efficientnet_b0": (torchvision.models.efficientnet_b0, ["output"], True, True),
    "densenet121": (torchvision.models.densenet121, ["output"], True, True),
    "vgg16": (torchvision.models.vgg16, ["output"], True, True),
    "convnext_tiny": (torchvision.models.convnext_tiny, ["output"], True, True),
    "vit_b_16": (vit, ["output"], True, True),
    "bert_base": (BertModel, ["last_hidden_state", "pooler_output"], True, True),
    "deeplabv3_resnet50": (deeplabv3, ["output"], True, True),
}


def example(name, batch):
    """Random images, or sentences of full length."""
    tensors = []
    for value, (dims, dtype) in networks.inputs_of(name).items():
        if dtype == "float32":
            tensors.append(torch.randn(batch, *dims))
        elif value == "input_ids":
            tensors.append(torch.randint(0, networks.VOCABULARY, (batch, *dims)))
        else:
            tensors.append(torch.full((batch, *dims), int(value == "attention_mask"), dtype=torch.int64))
    return tuple(tensors)


def calibrate(model, make_example):
    """Sets each batch normalisation's mean and variance to those of random data, which `make_example` gives, and the
    model to evaluation mode."""
    normalisations = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    model.eval()
    if not normalisations:
        return
    for m in normalisations:
        m.reset_running_stats()
        m.momentum = None  # cumulative average
        m.train()
    with torch.no_grad():
        for _ in range(CALIBRATION_PASSES):
            model(*make_example())
    model.eval()


def scale_normalisations(model, example):
    """Sets each batch normalisation's mean to 0 and its variance to one number for all channels, so that what it receives
    gets about size one. Statistics by channel, as calibrate() takes them, blow up the rounding errors of networks with
    random weights: what is compared in float16 wants these."""

    def scale(norm, inputs):
        norm.running_mean.zero_()
        norm.running_var.fill_(float(inputs[0].square().mean()))

    kinds = torch.nn.modules.batchnorm._BatchNorm
    hooks = [m.register_forward_pre_hook(scale) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model.eval()(*example)
    for hook in hooks:
        hook.remove()


def build(name):
    """The network in evaluation mode; the same weights at each call."""
    constructor, _, calibrated, _ = MODELS[name]
    torch.manual_seed(networks.SEED)
    model = constructor()
    model.eval()
    if calibrated:
        calibrate(model, lambda: example(name, batch=4))
    return model


def export(name, path):
    _, outputs, _, folded = MODELS[name]
    inputs = list(networks.inputs_of(name))
    model = build(name)
    part = path.with_suffix(".part")
    training = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, example(name, batch=2), str(part), opset_version=17, training=training,
                          input_names=inputs, output_names=outputs,
                          dynamic_axes={value: {0: "batch"} for value in [*inputs, *outputs]})
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "build" / "bench_models")
    parser.add_argument("--models", help="comma-separated names (default: all of " + ", ".join(MODELS) + ")")
    arguments = parser.parse_args()
    names = arguments.models.split(",") if arguments.models else list(MODELS)
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        sys.exit(f"unknown model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = arguments.folder / f"{name}.onnx"
        if not path.exists():
            export(name, path)
        nodes = len(onnx.load(str(path)).graph.node)
        print(f"{name:<20} {path.stat().st_size:>11,} bytes {nodes:>5} nodes", flush=True)


if __name__ == "__main__":
    main()
