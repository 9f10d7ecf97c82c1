"""The names of the original inference kit, so that its scripts run after changing their imports.

    from spinel.compat import PASS_PATH, TecoInferEngine, load_data, preprocess, postprocess

Unlike the rest of the package this module reads the kit's environment variables: MAX_ENGINE_NUMS (SPAs),
TECO_INFER_PIPELINES_MAX_STEPS, OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK and _LOCAL_SIZE.
"""
from __future__ import annotations

import dataclasses
import os
import pathlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from ._data import DataLoader, ImageFolder
from ._engine import InferEngine
from ._images import Preprocessor, load_labels
from ._images import postprocess as _postprocess
from ._library import InvalidArgumentError
from ._tensors import Array

PASS_PATH = pathlib.Path(__file__).parent / 'passes'
"""Where the kit kept its pass files. Spinel's passes are built in: a file beneath it stands for the default."""


def environment_number(name: str, least: int, fallback: int) -> int:
    value = os.environ.get(name, '')
    if value == '':
        return fallback
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise InvalidArgumentError(f"environment variable {name}: '{value}' is not a number of at least {least}")
    return number


@dataclasses.dataclass(frozen=True)
class Environment:
    """What the kit's variables say; 0 where nothing is said."""
    spas: int
    max_steps: int
    warmup_steps: int
    rank: int
    world: int
    local_rank: int
    local_size: int


def read_environment() -> Environment:
    rank = environment_number('OMPI_COMM_WORLD_RANK', 0, 0)
    return Environment(
        spas=environment_number('MAX_ENGINE_NUMS', 1, 0),
        max_steps=max(environment_number('TECO_INFER_PIPELINES_MAX_STEPS', -1, 0), 0),
        warmup_steps=environment_number('TECO_INFER_PIPELINES_WARMUP_STEPS', 0, 0), rank=rank,
        world=environment_number('OMPI_COMM_WORLD_SIZE', 1, 1),
        local_rank=environment_number('OMPI_COMM_WORLD_LOCAL_RANK', 0, rank),
        local_size=environment_number('OMPI_COMM_WORLD_LOCAL_SIZE', 1, 1))


class TecoInferEngine(InferEngine):
    """InferEngine as the kit's scripts construct it.

    `task`, `model`, `backend` and `devide` say nothing to it, and target "sdaa", the kit's cards, stands for the default
    target; each with a warning. MAX_ENGINE_NUMS, the local rank and the local size are those of the environment where they
    are not given.
    """

    def __init__(self, ckpt: Any = None, input_name: Sequence[str] = (), target: str = '', batch_size: int = 0,
                 input_size: Sequence[Sequence[int]] = (), dtype: Any = None, pass_path: Any = None,
                 save_engine: Any = None, rank: int | None = None, **others: Any) -> None:
        for name in ('task', 'model', 'backend', 'devide'):
            if name in others:
                del others[name]
                warnings.warn(f'{name} is ignored: Spinel tells what it needs from the model and target', stacklevel=2)
        environment = read_environment()
        if target == 'sdaa':
            target = ''
            warnings.warn("target 'sdaa' is not available: Spinel runs on the CPU", stacklevel=2)
        if pass_path and PASS_PATH in pathlib.Path(pass_path).parents:
            pass_path = None
        others.setdefault('spas', environment.spas)
        others.setdefault('ranks_on_machine', environment.local_size)
        super().__init__(ckpt, input_name, target, batch_size, input_size, dtype, pass_path, save_engine,
                         environment.local_rank if rank is None else rank, **others)


def _preprocessor(input_size: Any, dtype: Any) -> Preprocessor:
    sizes = [input_size] if isinstance(input_size, int) else list(input_size)
    while sizes and not isinstance(sizes[0], int):
        sizes = list(sizes[0])
    return Preprocessor(dtype=dtype).for_input_size(sizes[-2] if len(sizes) > 1 else sizes[-1], sizes[-1])


class ImageData:
    """What load_data gives: iterating yields (images [N, 3, H, W], labels [N]); `loader` knows more."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for batch in self.loader:
            for sample in batch.rejected:
                warnings.warn(f'left out: {sample.reason}', stacklevel=2)
            if len(batch):
                yield batch.tensor, batch.labels


def load_data(data_path: Any, batch_size: int = 1, input_size: Any = 224, dtype: Any = 'float32', *,
              drop_last: bool = False, workers: int = 4) -> ImageData:
    """The batches of an image folder, this rank's share of them. Samples are never repeated, nor by default lost."""
    environment = read_environment()
    return ImageData(DataLoader(
        ImageFolder(data_path), _preprocessor(input_size, dtype), batch_size, workers=workers, drop_last=drop_last,
        rank=environment.rank, world=environment.world, max_batches=environment.max_steps))


def preprocess(images: Any, input_size: Any = 224, dtype: Any = 'float32') -> Array:
    """One image (a path or decoded) or a list of either as [N, 3, H, W]."""
    return _preprocessor(input_size, dtype)(images)


def postprocess(scores: Any, topk: int = 1, labels: Any = None) -> list[list[dict[str, Any]]]:
    """For each row [{'score': 0.496, 'label': 'tiger cat'}]; `labels` is a list or the path of a synset file."""
    if isinstance(labels, (str, os.PathLike)):
        labels = load_labels(labels)
    return _postprocess(scores, topk, labels)
