"""The networks that are measured: their inputs, and the batches that are worth a try."""
import numpy

SEED = 1
VOCABULARY = 30522

IMAGE = {"input": ((3, 224, 224), "float32")}
SEGMENTATION = {"input": ((3, 520, 520), "float32")}
TOKENS = {name: ((128,), "int64") for name in ("input_ids", "attention_mask", "token_type_ids")}

# The ten that are compared with ONNX Runtime beside ResNet-50.
TEN = ("resnet18", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "densenet121", "vgg16", "convnext_tiny",
       "vit_b_16", "bert_base", "deeplabv3_resnet50")
ALL = ("resnet50", *TEN)
# Beyond these batches no engine gains, and a slice would take many seconds.
LARGEST_BATCH = {"deeplabv3_resnet50": 2, "vgg16": 16, "vit_b_16": 16, "bert_base": 16, "convnext_tiny": 32}


def float32_of(network):
    """What quantize_models.py has made it of."""
    return network.removesuffix("_static").removesuffix("_dynamic")


def inputs_of(network):
    """Dims without the batch and dtype of each input, by name."""
    network = float32_of(network)
    return TOKENS if network == "bert_base" else SEGMENTATION if network == "deeplabv3_resnet50" else IMAGE


def arrays(network, batch):
    """The inputs of `batch` samples by name, the same in every process: random images, or sentences of full length."""
    generator = numpy.random.default_rng(SEED)
    made = {}
    for name, (dims, dtype) in inputs_of(network).items():
        dims = (batch, *dims)
        if dtype == "float32":
            made[name] = generator.standard_normal(dims, dtype=numpy.float32)
        elif name == "input_ids":
            made[name] = generator.integers(0, VOCABULARY, dims, dtype=numpy.int64)
        else:
            made[name] = numpy.full(dims, int(name == "attention_mask"), numpy.int64)
    return made


def batches(network, wanted):
    return [batch for batch in wanted if batch <= LARGEST_BATCH.get(float32_of(network), max(wanted))] or [min(wanted)]
