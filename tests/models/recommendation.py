"""Recommendation: DLRM (Naumov et al. 2019) and Wide & Deep (Cheng et al. 2016), random weights."""
import numpy

from network import Network

ROWS = (10000, 4000, 500, 100, 30, 3)
WIDTH = 32
BATCH = 64


def layers(*sizes):
    import torch

    made = []
    for before, after in zip(sizes, sizes[1:]):
        made += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*made)


def dlrm(folder):
    """Bags of categories with offsets; every pair of embeddings multiplied."""
    import torch

    import exporting

    class Dlrm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bags = torch.nn.ModuleList(torch.nn.EmbeddingBag(rows, WIDTH, mode="sum") for rows in ROWS)
            self.bottom = layers(13, 256, 64, WIDTH)
            count = len(ROWS) + 1
            self.top = torch.nn.Sequential(layers(WIDTH + count * (count - 1) // 2, 128, 64), torch.nn.Linear(64, 1))
            rows, columns = torch.tril_indices(count, count, -1)
            self.register_buffer("pairs", rows * count + columns)

        def forward(self, dense, offsets, *indices):
            bottom = self.bottom(dense)
            found = torch.stack([bottom, *[bag(i, offsets) for bag, i in zip(self.bags, indices)]], 1)
            products = torch.bmm(found, found.transpose(1, 2)).flatten(1)
            return torch.sigmoid(self.top(torch.cat([bottom, products[:, self.pairs]], 1)))

    generator = exporting.seeded()
    # Three categories a sample and feature.
    inputs = {"dense": torch.randn(BATCH, 13), "offsets": torch.arange(0, 3 * BATCH, 3)}
    for number, rows in enumerate(ROWS):
        inputs[f"indices_{number}"] = torch.from_numpy(generator.integers(0, rows, 3 * BATCH))
    return exporting.export(Dlrm(), inputs, ["click"], folder)


def wide_and_deep(folder):
    import torch

    import exporting

    class WideAndDeep(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embeddings = torch.nn.ModuleList(torch.nn.Embedding(rows, WIDTH) for rows in ROWS)
            self.crossed = torch.nn.Embedding(1000, 1)
            self.deep = torch.nn.Sequential(layers(13 + len(ROWS) * WIDTH, 256, 128), torch.nn.Linear(128, 1))
            self.wide = torch.nn.Linear(13, 1)

        def forward(self, dense, categories):
            columns = [embedding(categories[:, i]) for i, embedding in enumerate(self.embeddings)]
            crossed = self.crossed(torch.remainder(categories[:, 0] * 7919 + categories[:, 1], 1000))
            return torch.sigmoid(self.deep(torch.cat([dense, *columns], 1)) + self.wide(dense) + crossed)

    generator = exporting.seeded()
    inputs = {"dense": torch.randn(BATCH, 13),
              "categories": torch.from_numpy(numpy.stack([generator.integers(0, r, BATCH) for r in ROWS], 1))}
    return exporting.export(WideAndDeep(), inputs, ["click"], folder,
                            {name: {0: "batch"} for name in ("dense", "categories", "click")})


NETWORKS = [Network("dlrm", "recommendation", dlrm), Network("wide_and_deep", "recommendation", wide_and_deep)]
