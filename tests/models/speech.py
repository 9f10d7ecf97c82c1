"""Speech: encoders and an acoustic model with random weights, a voice activity detector with real ones."""
import numpy

import fetch
from network import Network

RATE = 16000


def voice(seconds):
    """Like a vowel: a buzz whose pitch glides, through two resonances, with pauses; float32 [1, samples] in -1..1."""
    generator = numpy.random.default_rng(3)
    time = numpy.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 30 * numpy.sin(2 * numpy.pi * 0.7 * time)
    phase = 2 * numpy.pi * numpy.cumsum(pitch) / RATE
    buzz = sum(numpy.sin(k * phase) * (numpy.exp(-((k * 120 - 700) / 300) ** 2) + 0.6 * numpy.exp(
        -((k * 120 - 1800) / 400) ** 2) + 0.02) for k in range(1, 30))
    loudness = numpy.clip(numpy.sin(2 * numpy.pi * 1.1 * time), 0, 1)
    sound = buzz * loudness + 0.003 * generator.standard_normal(len(time))
    return (0.5 * sound / numpy.abs(sound).max()).astype(numpy.float32)[None]


def encoder(config_name, model_name, **options):
    """An encoder of transformers over the raw samples."""

    def make(folder):
        import torch
        import transformers

        import exporting

        exporting.seeded()
        config = getattr(transformers, config_name)(hidden_size=256, num_hidden_layers=4, num_attention_heads=4,
                                                    intermediate_size=1024, return_dict=False, **options)
        model = getattr(transformers, model_name)(config)
        # Layers start with std 0.02, which leaves hidden states of deep stacks alike everywhere.
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                torch.nn.init.normal_(module.weight, std=module.in_features ** -0.5)
        exporting.scale_normalisations(model, (torch.from_numpy(voice(1)),))
        return exporting.export(MainOutput(model), {"samples": torch.from_numpy(voice(1.5))}, ["hidden"], folder,
                                {"samples": {0: "batch", 1: "time"}, "hidden": {0: "batch", 1: "frames"}})

    return make


def MainOutput(model):
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, samples):
            return self.model(samples)[0]

    return Wrapped()


def acoustic(folder):
    """STFT, mel filters and logarithm as ONNX operators before two bidirectional LSTMs of torch and a projection."""
    import onnx
    import torch
    from onnx import TensorProto, compose, helper, numpy_helper

    import exporting

    generator = exporting.seeded()
    bands, frame, hop = 40, 400, 160

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = torch.nn.LSTM(bands, 128, num_layers=2, bidirectional=True, batch_first=True)
            self.project = torch.nn.Linear(256, 60)

        def forward(self, features):
            return self.project(self.recurrent(features)[0]).log_softmax(-1)

    del generator
    exporting.export(Network(), {"features": torch.randn(1, 30, bands)}, ["phones"], folder,
                     {"features": {0: "batch", 1: "frames"}, "phones": {0: "batch", 1: "frames"}})
    network = onnx.load(str(folder / "model.onnx"))
    constants = {"hop": numpy.int64(hop), "window": numpy.hanning(frame).astype(numpy.float32),
                 "frame": numpy.int64(frame), "floor": numpy.float32(1e-6), "minus_one": numpy.array([-1]),
                 "bands": numpy.int64(bands), "rate": numpy.int64(RATE), "low": numpy.float32(60),
                 "high": numpy.float32(7600)}
    nodes = [helper.make_node("Unsqueeze", ["samples", "minus_one"], ["signal"]),
             helper.make_node("STFT", ["signal", "hop", "window", "frame"], ["spectrum"], onesided=1),
             helper.make_node("ReduceSumSquare", ["spectrum"], ["power"], axes=[-1], keepdims=0),
             helper.make_node("MelWeightMatrix", ["bands", "frame", "rate", "low", "high"], ["filters"]),
             helper.make_node("MatMul", ["power", "filters"], ["mel"]),
             helper.make_node("Max", ["mel", "floor"], ["audible"]),
             helper.make_node("Log", ["audible"], ["mel_features"])]
    graph = helper.make_graph(
        nodes, "front_end", [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", "time"])],
        [helper.make_tensor_value_info("mel_features", TensorProto.FLOAT, ["batch", None, bands])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()])
    front_end = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=network.ir_version)
    whole = compose.merge_models(front_end, network, io_map=[("mel_features", "features")])
    onnx.save(whole, str(folder / "model.onnx"))
    return {"samples": voice(1.5)}


def silero(folder):
    fetch.pypi("silero-vad==6.0.0", {"model.onnx": "silero_vad/data/silero_vad.onnx"}, folder)
    return silero_inputs(voice(0.5)[:, 2000:2576], numpy.zeros((2, 1, 128), numpy.float32))


def silero_inputs(samples, state):
    return {"input": samples, "state": state, "sr": numpy.array(RATE, numpy.int64)}


def hears(run, dtype):
    """Chunk after chunk with the state: the probabilities of speech are ONNX Runtime's."""
    sound = voice(2)
    states = [numpy.zeros((2, 1, 128), numpy.float32)] * 2
    worst, peak = 0.0, 0.0
    for start in range(0, sound.shape[1] - 576, 512):
        chunk = sound[:, start:start + 576]
        found = [run(silero_inputs(chunk, states[0]), dtype), run.expected(silero_inputs(chunk, states[1]))]
        states = [f["stateN"] for f in found]
        probabilities = [float(f["output"].reshape(())) for f in found]
        worst, peak = max(worst, abs(probabilities[0] - probabilities[1])), max(peak, probabilities[1])
    assert worst <= (1e-4 if dtype == "float32" else 2e-2), f"probabilities differ by {worst:.1e}"
    return f"probability up to {peak:.2f}"


NETWORKS = [Network("wav2vec2_encoder", "speech", encoder("Wav2Vec2Config", "Wav2Vec2Model", conv_dim=[128] * 7)),
            Network("conformer_encoder", "speech", encoder("Wav2Vec2ConformerConfig", "Wav2Vec2ConformerModel",
                                                           conv_dim=[128] * 7)),
            Network("lstm_acoustic", "speech", acoustic),
            # Squares of a quiet spectrum are too small for float16, which the state shows more than the probability.
            Network("silero_vad", "speech", silero, float16=1e-2, check=hears, real_weights=True)]
