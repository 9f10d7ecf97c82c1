"""Graphs: GCN (Kipf & Welling 2016) and GAT (Velickovic et al. 2017) over an edge list, sums by scatter, random weights."""
from network import Network

NODES, EDGES, FEATURES, CLASSES = 500, 3000, 64, 7


def graph():
    """Features [NODES, FEATURES] and edges [2, EDGES + NODES] (from, to) with a loop at every node."""
    import torch

    ends = torch.randint(0, NODES, (2, EDGES))
    loops = torch.arange(NODES).expand(2, -1)
    return {"features": torch.randn(NODES, FEATURES), "edges": torch.cat([ends, loops], 1)}


def gcn(folder):
    import torch

    import exporting

    class Gcn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(FEATURES, 64), torch.nn.Linear(64, CLASSES)])

        def forward(self, features, edges):
            source, target = edges[0], edges[1]
            degree = torch.zeros(features.shape[0]).scatter_add(0, target, torch.ones_like(target, dtype=torch.float32))
            scale = degree.rsqrt()
            weight = (scale[source] * scale[target])[:, None]
            for number, layer in enumerate(self.layers):
                features = layer(features)
                index = target[:, None].expand(-1, features.shape[1])
                features = torch.zeros_like(features).scatter_add(0, index, features[source] * weight)
                features = features.relu() if number == 0 else features
            return features.log_softmax(-1)

    exporting.seeded()
    return exporting.export(Gcn(), graph(), ["classes"], folder,
                            {"features": {0: "nodes"}, "edges": {1: "edges"}, "classes": {0: "nodes"}})


def gat(folder):
    """The softmax over a node's edges takes their greatest value by scatter too."""
    import torch

    import exporting

    heads, width = 4, 16

    class Layer(torch.nn.Module):
        def __init__(self, inputs, width):
            super().__init__()
            self.width = width
            self.project = torch.nn.Linear(inputs, heads * width, bias=False)
            self.source = torch.nn.Parameter(torch.randn(heads, width) * 0.3)
            self.target = torch.nn.Parameter(torch.randn(heads, width) * 0.3)

        def forward(self, features, edges):
            source, target = edges[0], edges[1]
            values = self.project(features).view(-1, heads, self.width)
            scores = ((values * self.source).sum(-1)[source] + (values * self.target).sum(-1)[target])
            scores = torch.nn.functional.leaky_relu(scores, 0.2)
            index = target[:, None].expand(-1, heads)
            lowest = torch.full((features.shape[0], heads), -1e4)
            peak = lowest.scatter_reduce(0, index, scores, "amax")
            weights = (scores - peak[target]).exp()
            total = torch.zeros_like(peak).scatter_add(0, index, weights)
            weights = weights / total[target]
            messages = (values[source] * weights[..., None]).flatten(1)
            index = target[:, None].expand(-1, heads * self.width)
            return torch.zeros(features.shape[0], heads * self.width).scatter_add(0, index, messages)

    class Gat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Layer(FEATURES, width), Layer(heads * width, CLASSES)

        def forward(self, features, edges):
            hidden = torch.nn.functional.elu(self.first(features, edges))
            return self.second(hidden, edges).view(-1, heads, CLASSES).mean(1).log_softmax(-1)

    exporting.seeded()
    return exporting.export(Gat(), graph(), ["classes"], folder,
                            {"features": {0: "nodes"}, "edges": {1: "edges"}, "classes": {0: "nodes"}})


NETWORKS = [Network("gcn", "gnn", gcn), Network("gat", "gnn", gat)]
