"""What the export scripts share: their flags, and what is done to a file that a framework has written."""

import os

import to_float16
from common import UserError

try:
    import onnx
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements.txt")


def add_flags(parser, opsets=range(12, 18)):
    parser.add_argument("--num_classes", type=int, default=1000)
    parser.add_argument("--mode", choices=("static", "dynamic"), default="dynamic",
                        help="dynamic: batch, height and width are left open")
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32")
    parser.add_argument("--opset", type=int, choices=opsets, default=17)
    parser.add_argument("--batch_size", type=int, default=1, help="of the static model")
    parser.add_argument("--input_size", type=int, default=224, help="height and width of the static model")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")
    parser.add_argument("--out", default="", help="file to write; by default MODEL_MODE_DTYPE.onnx")


def out_of(args):
    """The file to write, whose folder is there afterwards; checks the flags' numbers."""
    if min(args.batch_size, args.input_size, args.num_classes) < 1:
        raise UserError("--batch_size, --input_size and --num_classes must be at least 1")
    out = args.out or f"{args.model}_{args.mode}_{args.dtype}.onnx"
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    return out


def simplified(model):
    """The model simplified by onnxsim, or as it is where onnxsim is missing or fails; says which."""
    try:
        import onnxsim
    except ModuleNotFoundError:
        print("not simplified: onnxsim is not installed")
        return model
    except Exception as error:
        print(f"not simplified: onnxsim cannot be imported beside onnx {onnx.__version__} ({error})")
        return model
    try:
        result, same = onnxsim.simplify(model)
    except Exception as error:
        print(f"not simplified: onnxsim failed ({error})")
        return model
    if not same:
        print("not simplified: onnxsim's own check found a difference")
        return model
    print(f"simplified by onnxsim: {len(model.graph.node)} nodes -> {len(result.graph.node)}")
    return result


def finish(part, out, dtype):
    """Checks the file `part`, simplifies and converts it, and puts it in the place of `out`; the model."""
    onnx.checker.check_model(part, full_check=True)
    model = simplified(onnx.load(part))
    if dtype == "float16":
        model, remarks = to_float16.convert(model)
        for line in remarks:
            print(f"note: {line}")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, part)
    os.replace(part, out)
    return model


def report(model, out, dtype):
    for kind, values in (("input", model.graph.input), ("output", model.graph.output)):
        for value in values:
            dims = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
            print(f"{kind} {value.name} {dims} {dtype}")
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    print(f"wrote {out}: opset {opset}, {len(model.graph.node)} nodes, {os.path.getsize(out)} bytes, checked")
