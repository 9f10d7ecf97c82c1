"""Image classification: one network of each family that torchvision builds, and the shipped EfficientNet-Lite0."""
import json
import shutil

import numpy

from network import ROOT, Network

PHOTOS = ROOT / "samples" / "photos"
# Families: AlexNet, ConvNeXt, DenseNet, EfficientNet, EfficientNetV2, GoogLeNet, Inception, MaxViT, MNASNet, MobileNetV2
# and V3, RegNet, ResNet, ResNeXt, Wide ResNet, ShuffleNetV2, SqueezeNet, Swin, VGG, ViT. SwinV2 does not export with torch
# 1.13.
SIZES = {"alexnet": 224, "convnext_tiny": 224, "densenet121": 224, "efficientnet_b0": 224, "efficientnet_v2_s": 224,
         "googlenet": 224, "inception_v3": 299, "maxvit_t": 224, "mnasnet1_0": 224, "mobilenet_v2": 224,
         "mobilenet_v3_large": 224, "regnet_y_400mf": 224, "resnet50": 224, "resnext50_32x4d": 224,
         "wide_resnet50_2": 224, "shufflenet_v2_x1_0": 224, "squeezenet1_1": 224, "swin_t": 224, "vgg16": 224,
         "vit_b_16": 224}


def torchvision_network(name):
    def make(folder):
        import torch
        import torchvision

        import exporting
        import export_models

        generator = exporting.seeded()
        size = SIZES[name]
        arrays = {"input": generator.standard_normal((1, 3, size, size)).astype(numpy.float32)}
        if name in export_models.MODELS:
            model = export_models.MODELS[name][0]()
        else:
            options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
            model = getattr(torchvision.models, name)(**options)
        exporting.scale_normalisations(model, (torch.randn(2, 3, size, size),))
        inputs = {"input": torch.from_numpy(arrays["input"])}
        return exporting.export(model, inputs, ["output"], folder, {"input": {0: "batch"}, "output": {0: "batch"}})

    return make


def photo(name):
    """The photo as samples/photos/preprocess.json says, [1, 3, 224, 224]; the preprocess itself is tested elsewhere."""
    from PIL import Image

    options = json.loads((PHOTOS / "preprocess.json").read_text())
    print(options)
    raise NotImplementedError


NETWORKS = [Network(name, "classification", torchvision_network(name)) for name in SIZES]
