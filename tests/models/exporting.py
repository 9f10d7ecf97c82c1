"""What the domains share when they write ONNX files with torch."""
import warnings

import numpy
import torch

import export_models
from networks import SEED

scale_normalisations = export_models.scale_normalisations


def seeded():
    torch.manual_seed(SEED)
    return numpy.random.default_rng(SEED)


def export(model, inputs, outputs, folder, dynamic=None, opset=17, **options):
    """Writes folder/model.onnx of `model` in evaluation mode, called with `inputs` (tensors by name); the arrays."""
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, tuple(inputs.values()), str(folder / "model.onnx"), opset_version=opset,
                          input_names=list(inputs), output_names=outputs, dynamic_axes=dynamic, **options)
    return {name: tensor.numpy() for name, tensor in inputs.items()}


def spread(layer, model, example, deviation, bias=None):
    """Scales the layer's weights so that its results on `example` have that standard deviation, around `bias`.

    Heads of detectors start near zero, where all scores are alike and rounding errors decide what is found.
    """
    seen = []
    hook = layer.register_forward_hook(lambda _, __, result: seen.append(result.detach().flatten()))
    with torch.no_grad():
        model.eval()(*example)
        hook.remove()
        layer.weight *= deviation / float(torch.cat(seen).std())
        if bias is not None:
            layer.bias.fill_(bias)
