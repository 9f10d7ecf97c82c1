"""Spinel: runs ONNX models on images and tensors.

    import spinel
    engine = spinel.InferEngine('model.onnx')
    images = spinel.Preprocessor().for_engine(engine)
    print(spinel.postprocess(engine(images('photo.jpg')), topk=5, labels=spinel.load_labels('synset.txt')))
"""
from ._custom_op import CustomOp, OpInput, OpOutput
from ._data import Accuracy, Batch, DataLoader, Dataset, Difference, ImageFolder, Ledger, difference, image_files
from ._engine import InferEngine, available_targets
from ._images import (Preprocessor, Rejected, decode_image, load_labels, postprocess, preset_names, softmax, top_k)
from ._library import (CancelledError, DataError, InvalidArgumentError, LimitError, ModelError, NotFoundError,
                       OutOfMemoryError, ReleasedError, SpinelError, UnsupportedError, lib as _lib)
from ._reports import LayerTime, LayerValue, MemoryReport, PassReport, Profile, TensorInfo
from ._run import CancelToken, RunFuture
from ._tools import Clamped, ToolReport, convert_model, float16_keep_list, simplify_model, simplify_steps

__version__: str = _lib.spinel_version().decode()

__all__ = [
    'Accuracy', 'Batch', 'CancelToken', 'CancelledError', 'Clamped', 'CustomOp', 'DataError', 'DataLoader', 'Dataset',
    'Difference', 'ImageFolder', 'InferEngine', 'InvalidArgumentError', 'LayerTime', 'LayerValue', 'Ledger',
    'LimitError', 'MemoryReport', 'ModelError', 'NotFoundError', 'OpInput', 'OpOutput', 'OutOfMemoryError', 'PassReport',
    'Preprocessor', 'Profile', 'Rejected', 'ReleasedError', 'RunFuture', 'SpinelError', 'TensorInfo', 'ToolReport',
    'UnsupportedError', '__version__', 'available_targets', 'convert_model', 'decode_image', 'difference',
    'float16_keep_list', 'image_files', 'load_labels', 'postprocess', 'preset_names', 'simplify_model',
    'simplify_steps', 'softmax', 'top_k',
]
