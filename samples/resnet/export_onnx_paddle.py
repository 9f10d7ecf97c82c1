#!/usr/bin/env python3
"""Exports a classification model of paddle.vision to ONNX: static or dynamic shapes, float32 or float16.

The flags are those of export_onnx.py. The file is checked with onnx.checker, and simplified where onnxsim is installed.
Without --weights the model is initialised at random from --seed: right for timing and for comparing runtimes, meaningless
as a classifier. --weights takes a .pdparams file that paddle.save wrote. Reading one runs code in it, hence
--trust_weights. Nothing is downloaded.
"""

import inspect
import os
import tempfile

import common
import finish_onnx
from common import UserError

try:
    import onnx
    import paddle
    import paddle2onnx
    from paddle.vision import models
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements_paddle.txt")


def model_names():
    """The classification models that this Paddle builds."""
    return sorted(n for n, f in vars(models).items() if n.islower() and inspect.isfunction(f) and not n.startswith("_"))


class MainOutput(paddle.nn.Layer):
    """GoogLeNet without its auxiliary outputs."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        found = self.model(image)
        return found[0] if isinstance(found, (tuple, list)) else found


def build(args):
    """The model in evaluation mode."""
    if args.model not in model_names():
        raise UserError(f"--model {args.model}: paddle {paddle.__version__} has no such classification model; it has "
                        f"{', '.join(model_names())}")
    model = getattr(models, args.model)(pretrained=False, num_classes=args.num_classes)
    if args.weights:
        if not args.trust_weights:
            raise UserError(f"--weights {args.weights}: paddle.load runs code in the file; if you trust where it comes "
                            f"from, say --trust_weights")
        state = paddle.load(args.weights)
        missing, unexpected = model.set_state_dict(state)
        if missing or unexpected:
            raise UserError(f"--weights {args.weights} do not fit --model {args.model}: missing {list(missing)[:3]}, "
                            f"unexpected {list(unexpected)[:3]}")
    model.eval()
    return MainOutput(model)


def calibrate(model, size, batches=8):
    """Sets the BatchNorm statistics to those of random inputs, so that values neither vanish nor grow on their way."""
    layers = [layer for layer in model.sublayers() if isinstance(layer, paddle.nn.layer.norm._BatchNormBase)]
    for layer in layers:
        layer.train()
    with paddle.no_grad():
        for number in range(batches):
            for layer in layers:
                layer._momentum = number / (number + 1)  # The share of what is there: the mean over all batches.
            model(paddle.randn([8, 3, size, size]))
    model.eval()


def name_values(path):
    """Names and dims as export_onnx.py writes them: input [batch, 3, height, width], output [batch, classes]."""
    exported = onnx.load(path)
    graph = exported.graph
    renamed = {graph.input[0].name: "input", graph.output[0].name: "output"}
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    for value, dims in ((graph.input[0], ("batch", "", "height", "width")), (graph.output[0], ("batch", ""))):
        value.name = renamed[value.name]
        for dim, name in zip(value.type.tensor_type.shape.dim, dims):
            if name and not dim.dim_value:
                dim.dim_param = name
    # What is between is inferred again by whoever wants it: paddle2onnx names every open dim anew.
    del graph.value_info[:]
    onnx.save(exported, path)


def main():
    parser = common.Parser(description=__doc__)
    parser.add_argument("--model", default="resnet50", help="Paddle's name of the model")
    parser.add_argument("--weights", default="", help=".pdparams file of trained weights; none: random ones")
    parser.add_argument("--trust_weights", action="store_true", help="read --weights, which runs code in it")
    parser.add_argument("--calibrate", action="store_true",
                        help="without --weights: take BatchNorm statistics from random inputs")
    finish_onnx.add_flags(parser)
    args = parser.parse_args()
    out = finish_onnx.out_of(args)
    paddle.seed(args.seed)
    model = build(args)
    if not args.weights:
        print(f"random weights from seed {args.seed}: not a trained classifier")
        if args.calibrate:
            calibrate(model, args.input_size)
    dynamic = args.mode == "dynamic"
    dims = [None, 3, None, None] if dynamic else [args.batch_size, 3, args.input_size, args.input_size]
    part = out + ".part"
    with tempfile.TemporaryDirectory() as folder:
        saved = os.path.join(folder, "model")
        paddle.jit.save(model, saved, input_spec=[paddle.static.InputSpec(dims, "float32", "input")])
        program = next(p for p in (saved + ".json", saved + ".pdmodel") if os.path.exists(p))
        try:
            # Its optimiser would install packages.
            paddle2onnx.export(program, saved + ".pdiparams", part, opset_version=args.opset, auto_upgrade_opset=False,
                               enable_onnx_checker=True, optimize_tool="None")
            name_values(part)
            graph = finish_onnx.finish(part, out, args.dtype)
        finally:
            if os.path.exists(part):
                os.remove(part)
    finish_onnx.report(graph, out, args.dtype)


if __name__ == "__main__":
    common.run_main(main)
