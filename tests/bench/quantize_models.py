#!/usr/bin/env python3
"""Quantises networks of export_models.py as ONNX Runtime's quantiser does it, for peers.py to measure.

    tests/bench/quantize_models.py [FOLDER] [--cache FOLDER]
    tests/bench/peers.py --models resnet18_static,mobilenet_v2_static,resnet18_dynamic,bert_base_dynamic,\\
vit_b_16_dynamic --peers spinel,onnxruntime --dtype float32 --latency --threads 1

FOLDER, build/bench_models unless given, holds the float32 networks; what is there already is kept. `static` are
QLinearConv and its kin, with weights of int8 a channel and activations of uint8 whose ranges come from random images;
`dynamic` are DynamicQuantizeLinear, ConvInteger and MatMulInteger, with weights of int8 (those of vit_b_16 and resnet18:
uint8 with zero points). The quantiser is installed from PyPI into a virtual environment in --cache.
"""
import argparse
import os
import pathlib
import sys

import environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("numpy==2.4.6", "onnxruntime==1.32.0", "onnx", "sympy")
CALIBRATION_IMAGES = 4
STATIC = ("resnet18", "mobilenet_v2")
DYNAMIC = {"resnet18": "QUInt8", "bert_base": "QInt8", "vit_b_16": "QUInt8"}


def quantize(folder):
    import networks  # Needs numpy, as the environment has it.
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):
        def __init__(self):
            images = networks.arrays("resnet18", CALIBRATION_IMAGES)["input"]
            self.left = iter([{"input": images[i:i + 1]} for i in range(CALIBRATION_IMAGES)])

        def get_next(self):
            return next(self.left, None)

    for name in STATIC:
        path = folder / f"{name}_static.onnx"
        if not path.exists():
            quantization.quantize_static(folder / f"{name}.onnx", path, Images(), per_channel=True,
                                         quant_format=quantization.QuantFormat.QOperator,
                                         activation_type=quantization.QuantType.QUInt8,
                                         weight_type=quantization.QuantType.QInt8)
        print(path.name, path.stat().st_size)
    for name, weights in DYNAMIC.items():
        path = folder / f"{name}_dynamic.onnx"
        if not path.exists():
            quantization.quantize_dynamic(folder / f"{name}.onnx", path,
                                          weight_type=getattr(quantization.QuantType, weights))
        print(path.name, path.stat().st_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "build" / "bench_models")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build" / "bench")
    arguments = parser.parse_args()
    missing = [n for n in {*STATIC, *DYNAMIC} if not (arguments.folder / f"{n}.onnx").exists()]
    if missing:
        sys.exit(f"{arguments.folder} lacks {', '.join(sorted(missing))}: tests/bench/export_models.py makes them")
    python = environment.python_of(arguments.cache / "quantizer", PACKAGES, ())
    if pathlib.Path(sys.prefix).resolve() != (arguments.cache / "quantizer").resolve():
        os.execv(python, [python, "-B", __file__, str(arguments.folder), "--cache", str(arguments.cache)])
    quantize(arguments.folder)


if __name__ == "__main__":
    main()
