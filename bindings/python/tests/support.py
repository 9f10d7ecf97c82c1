"""What the binding's tests share. They run against the installed package; the first argument of the runner is the
project's root, the second the folder of tests/capi/make_models.py."""
import os
import pathlib

ROOT = pathlib.Path(os.environ['SPINEL_SOURCE_DIR'])
MODELS = pathlib.Path(os.environ['SPINEL_BINARY_DIR']) / 'tests/capi/models'
RESNET = ROOT / 'samples/resnet'
FASHION = RESNET / 'resnet_fashion.onnx'
IMAGES = RESNET / 'images'


def model(name: str) -> str:
    return str(MODELS / f'{name}.onnx')
