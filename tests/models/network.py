"""What a network is to run.py: how it is made, how its outputs are compared, and what is allowed."""
import dataclasses
import importlib
import pathlib
import sys
import typing

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(FOLDER.parent / "bench"))

DOMAINS = ("classification", "detection", "segmentation", "face", "nlp", "embedding", "speech", "recommendation", "gnn",
           "reinforcement", "ocr", "video")


class Unavailable(RuntimeError):
    """What a network is made from cannot be had here: it is skipped."""


@dataclasses.dataclass
class Comparison:
    """`difference` is diff2, sqrt(sum (a-b)^2 / sum b^2), the worst over the outputs; `count` what was compared
    (elements, or boxes); `reason` says what is wrong other than the difference, or is empty; `seen` what was looked
    at, for the table."""

    difference: float
    count: int
    reason: str = ""
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Network:
    """make(folder) writes folder/model.onnx and returns the inputs, arrays by name.

    compare(actual, expected, dtype) takes outputs by name and returns a Comparison; None compares element by element.
    check(run), if any, looks at what the outputs mean: run(arrays, dtype) gives Spinel's outputs by name, and
    run.expected(arrays) ONNX Runtime's. It returns what it saw in a few words, and raises AssertionError.
    """

    name: str
    domain: str
    make: typing.Callable
    float32: float = 1e-5
    float16: float = 3e-3
    compare: typing.Callable = None
    check: typing.Callable = None
    real_weights: bool = False


def every():
    """All networks, by name; what exports is imported when a network is made."""
    found = {}
    for domain in DOMAINS:
        for network in importlib.import_module(domain).NETWORKS:
            assert network.name not in found and network.domain == domain, network.name
            found[network.name] = network
    return found
