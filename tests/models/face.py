"""Faces: a RetinaFace-style network (Deng et al. 2019) with a MobileNet backbone, random weights: a feature pyramid with
context modules, boxes and five landmarks by anchor, decoded and suppressed in the graph."""
import compare
from network import Network

SIZE = 256
STRIDES, ANCHORS = (8, 16, 32), ((16, 32), (64, 128), (256, 512))
THRESHOLD, LEAST_OVERLAP, MOST = 0.6, 0.4, 60


def build():
    import torch
    from torch import nn
    from torch.nn import functional
    from torchvision.ops import nms

    def block(inputs, outputs, size=3, stride=1, groups=1):
        return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
                             nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1))

    def separable(inputs, outputs, stride=1):
        return nn.Sequential(block(inputs, inputs, stride=stride, groups=inputs), block(inputs, outputs, 1))

    class Context(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.near = block(width, width // 2)
            self.first, self.middle = block(width, width // 4), block(width // 4, width // 4)
            self.far = nn.Sequential(block(width // 4, width // 4), block(width // 4, width // 4))

        def forward(self, x):
            half = self.first(x)
            return functional.relu(torch.cat([self.near(x), self.middle(half), self.far(half)], 1))

    class RetinaFace(nn.Module):
        def __init__(self, width=64):
            super().__init__()
            self.stages = nn.ModuleList([
                nn.Sequential(block(3, 8, stride=2), separable(8, 16), separable(16, 32, 2), separable(32, 32),
                              separable(32, 64, 2), separable(64, 64)),
                nn.Sequential(separable(64, 128, 2), *[separable(128, 128) for _ in range(5)]),
                nn.Sequential(separable(128, 256, 2), separable(256, 256))])
            self.lateral = nn.ModuleList(block(c, width, 1) for c in (64, 128, 256))
            self.merge = nn.ModuleList(block(width, width) for _ in range(2))
            self.context = nn.ModuleList(Context(width) for _ in range(3))
            self.score, self.box, self.points = (nn.ModuleList(nn.Conv2d(width, 2 * n, 1) for _ in range(3))
                                                 for n in (2, 4, 10))
            self.register_buffer("anchors", self.every_anchor())

        @staticmethod
        def every_anchor():
            """Centre and size of each anchor, in pixels: [N, 4]."""
            found = []
            for stride, sizes in zip(STRIDES, ANCHORS):
                ends = (torch.arange(SIZE // stride) + 0.5) * stride
                y, x = torch.meshgrid(ends, ends, indexing="ij")
                for_sizes = [torch.stack([x, y, torch.full_like(x, s), torch.full_like(x, s)], -1) for s in sizes]
                found.append(torch.stack(for_sizes, 2).reshape(-1, 4))
            return torch.cat(found)

        def forward(self, image):
            levels, x = [], image
            for stage, lateral in zip(self.stages, self.lateral):
                x = stage(x)
                levels.append(lateral(x))
            for number in (1, 0):
                up = functional.interpolate(levels[number + 1], size=levels[number].shape[-2:], mode="nearest")
                levels[number] = self.merge[number](levels[number] + up)
            levels = [context(level) for context, level in zip(self.context, levels)]

            def flat(heads, columns):
                return torch.cat([head(level).permute(0, 2, 3, 1).reshape(-1, columns)
                                  for head, level in zip(heads, levels)])

            scores = flat(self.score, 2).softmax(-1)[:, 1]
            offsets, points = flat(self.box, 4), flat(self.points, 10)
            centres = self.anchors[:, :2] + 0.1 * offsets[:, :2] * self.anchors[:, 2:]
            sizes = self.anchors[:, 2:] * (0.2 * offsets[:, 2:]).exp()
            boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
            landmarks = self.anchors[:, None, :2] + 0.1 * points.view(-1, 5, 2) * self.anchors[:, None, 2:]
            kept = torch.nonzero(scores > THRESHOLD).squeeze(1)
            kept = kept[nms(boxes[kept], scores[kept], LEAST_OVERLAP)[:MOST]]
            return boxes[kept], scores[kept], torch.ones_like(kept), landmarks[kept]

    return RetinaFace()


def retinaface(folder):
    import exporting
    from detection import smooth_picture

    exporting.seeded()
    model = build()
    picture = smooth_picture(SIZE, SIZE)[None]
    exporting.scale_normalisations(model, (picture,))
    for heads, deviation in ((model.score, 1.5), (model.box, 0.7), (model.points, 0.7)):
        for head in heads:
            exporting.spread(head, model, (picture,), deviation)
    return exporting.export(model, {"image": picture}, ["boxes", "scores", "labels", "landmarks"], folder)


NETWORKS = [Network("retinaface_mobilenet", "face", retinaface, float32=1e-4, float16=2e-2,
                    compare=compare.boxes({"float32": 0.99, "float16": 0.8}))]
