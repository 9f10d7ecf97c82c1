#!/usr/bin/env python3
"""Exports a torchvision classification model to ONNX: static or dynamic shapes, float32 or float16.

The file is checked with onnx.checker, and simplified where onnxsim is installed. Without --weights the model is
initialised at random from --seed (BatchNorm statistics are then 0 and 1, or see --calibrate): right for timing and for
comparing runtimes, meaningless as a classifier. --weights takes a file that torch.save wrote: a state_dict, or a
dictionary that holds one under `state_dict` or `model`; code in it is run only with --trust_weights.
"""

import os

import common
from common import UserError
import finish_onnx

try:
    import torch
    import torchvision
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements.txt")


def model_names():
    """The classification models that this torchvision builds."""
    models = torchvision.models
    if hasattr(models, "list_models"):
        return models.list_models(module=models)
    return sorted(n for n, f in vars(models).items() if n.islower() and not n.startswith(("_", "get_")) and callable(f))


def build(name, weights, classes, trusted):
    """The model in evaluation mode, with the weights of the file `weights` if one is given."""
    if name not in model_names():
        raise UserError(f"--model {name}: torchvision {torchvision.__version__} has no such classification model; "
                        f"it has {', '.join(model_names())}")
    options = {"num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        options.update(aux_logits=bool(weights), init_weights=not weights)
    model = getattr(torchvision.models, name)(**options)
    if weights:
        try:
            state = torch.load(weights, map_location="cpu", weights_only=not trusted)
        except FileNotFoundError:
            raise
        except Exception as error:
            hint = "" if trusted else "; if you trust where the file comes from, try --trust_weights"
            reason = str(error).splitlines()[0].split("Re-running")[0]
            raise UserError(f"--weights {weights}: torch.load fails: {reason}{hint}") from None
        if isinstance(state, torch.nn.Module):
            state = state.state_dict()
        for key in ("state_dict", "model"):
            if isinstance(state, dict) and isinstance(state.get(key), dict):
                state = state[key]
        if not isinstance(state, dict):
            raise UserError(f"--weights {weights}: holds a {type(state).__name__}, not a state_dict")
        state = {key[7:] if key.startswith("module.") else key: value for key, value in state.items()}
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            lines = [line.strip()[:160] for line in str(error).splitlines()]
            more = f"; and {len(lines) - 3} more" if len(lines) > 3 else ""
            raise UserError(f"--weights {weights} do not fit --model {name} with {classes} classes: "
                            f"{'; '.join(lines[1:3])}{more}") from None
    return model.eval()


def calibrate(model, size, batches=8):
    """Sets the BatchNorm statistics to those of random inputs, so that values neither vanish nor grow on their way."""
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None
            module.train()
    with torch.no_grad():
        for _ in range(batches):
            model(torch.randn(8, 3, size, size))
    model.eval()


def main():
    parser = common.Parser(description=__doc__)
    parser.add_argument("--model", default="resnet50", help="torchvision's name of the model")
    parser.add_argument("--weights", default="", help="file of trained weights; none: random ones")
    parser.add_argument("--trust_weights", action="store_true",
                        help="unpickle --weights in full, which runs code in it: only for files that you trust")
    parser.add_argument("--calibrate", action="store_true",
                        help="without --weights: take BatchNorm statistics from random inputs; without them the values "
                             "of some networks (MobileNet) sink below what float16 holds")
    finish_onnx.add_flags(parser)
    args = parser.parse_args()
    out = finish_onnx.out_of(args)

    torch.manual_seed(args.seed)
    model = build(args.model, args.weights, args.num_classes, args.trust_weights)
    if not args.weights:
        statistics = "BatchNorm statistics of random inputs" if args.calibrate else "default BatchNorm statistics"
        print(f"random weights from seed {args.seed}, {statistics}: not a trained classifier")
        if args.calibrate:
            calibrate(model, args.input_size)
    axes = {"input": {0: "batch", 2: "height", 3: "width"}, "output": {0: "batch"}} if args.mode == "dynamic" else None
    example = torch.zeros(args.batch_size, 3, args.input_size, args.input_size)
    part = out + ".part"
    try:
        try:
            torch.onnx.export(model, example, part, opset_version=args.opset, do_constant_folding=True,
                              input_names=["input"], output_names=["output"], dynamic_axes=axes)
        except Exception as error:
            raise UserError(f"torch {torch.__version__} cannot export {args.model} at opset {args.opset} with an input "
                            f"of {tuple(example.shape)}: {str(error).strip().splitlines()[0]}") from None
        graph = finish_onnx.finish(part, out, args.dtype)
    finally:
        if os.path.exists(part):
            os.remove(part)
    finish_onnx.report(graph, out, args.dtype)


if __name__ == "__main__":
    common.run_main(main)
