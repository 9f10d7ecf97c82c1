"""Graphs: GCN (Kipf & Welling 2016) and GAT (Velickovic et al. 2017) over an edge list, sums by scatter, random weights."""
from network import Network

NODES, EDGES, FEATURES, CLASSES = 500, 3000, 64, 7


def graph():
    """Features [NODES, FEATURES] and edges [2, EDGES + NODES] (from, to) with a loop at every node."""
    import torch

    ends = torch.randint(0, NODES, (2, EDGES))
    loops = torch.arange(NODES).expand(2, -1)
    return {"features": torch.randn(NODES, FEATURES), "edges": torch.cat([ends, loops], 1)}


def scatter(data, indices, updates, operator, reduction):
    """`data` with `updates` reduced into it by ONNX's ScatterElements (along axis 0, indices [E, C]) or ScatterND
    (indices [E, 1]), which torch 1.13 does not write with a reduction."""
    import torch

    class Scatter(torch.autograd.Function):
        @staticmethod
        def forward(_, data, indices, updates):
            return data.clone()  # What matters is the graph.

        @staticmethod
        def symbolic(graph, data, indices, updates):
            found = graph.op(operator, data, indices, updates, reduction_s=reduction)
            found.setType(data.type())
            return found

    return Scatter.apply(data, indices, updates)


def export(model, folder):
    """As opset 18, whose scatter operators have max. Nothing else here differs between opsets 17 and 18."""
    import onnx

    import exporting

    axes = {"features": {0: "nodes"}, "edges": {1: "edges"}, "classes": {0: "nodes"}}
    arrays = exporting.export(model, graph(), ["classes"], folder, axes, do_constant_folding=False)
    path = str(folder / "model.onnx")
    exported = onnx.load(path)
    exported.opset_import[0].version = 18
    assert any(node.op_type.startswith("Scatter") for node in exported.graph.node)
    assert not any(node.op_type.startswith("Reduce") and node.op_type != "ReduceSum" for node in exported.graph.node)
    onnx.save(exported, path)
    return arrays


def gcn(folder):
    import torch

    import exporting

    class Gcn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(FEATURES, 64), torch.nn.Linear(64, CLASSES)])

        def forward(self, features, edges):
            source, target = edges[0], edges[1]
            where = target[:, None]
            degree = scatter(torch.zeros_like(features[:, 0]), where, torch.ones_like(target, dtype=torch.float32),
                             "ScatterND", "add")
            scale = degree.rsqrt()
            weight = (scale[source] * scale[target])[:, None]
            for number, layer in enumerate(self.layers):
                features = layer(features)
                features = scatter(torch.zeros_like(features), where, features[source] * weight, "ScatterND", "add")
                features = features.relu() if number == 0 else features
            return features.log_softmax(-1)

    exporting.seeded()
    return export(Gcn(), folder)


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
            projected = self.project(features)
            values = projected.view(-1, heads, self.width)
            to_score = (values * self.source).sum(-1)
            scores = to_score[source] + (values * self.target).sum(-1)[target]
            scores = torch.nn.functional.leaky_relu(scores, 0.2)
            where = target[:, None].expand(-1, heads)
            peak = scatter(torch.full_like(to_score, -1e4), where, scores, "ScatterElements", "max")
            weights = (scores - peak[target]).exp()
            weights = weights / scatter(torch.zeros_like(to_score), where, weights, "ScatterElements", "add")[target]
            messages = (values[source] * weights[..., None]).flatten(1)
            where = target[:, None].expand(-1, heads * self.width)
            return scatter(torch.zeros_like(projected), where, messages, "ScatterElements", "add")

    class Gat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Layer(FEATURES, width), Layer(heads * width, CLASSES)

        def forward(self, features, edges):
            hidden = torch.nn.functional.elu(self.first(features, edges))
            return (self.second(hidden, edges).view(-1, heads, CLASSES).sum(1) / heads).log_softmax(-1)

    exporting.seeded()
    return export(Gat(), folder)


NETWORKS = [Network("gcn", "gnn", gcn), Network("gat", "gnn", gat)]
