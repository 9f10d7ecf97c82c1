"""Video and optical flow of torchvision with random weights: convolutions over three axes, sampling along a flow."""
import numpy

from network import Network


def video(name, frames, size):
    def make(folder):
        import torch
        import torchvision

        import exporting

        generator = exporting.seeded()
        model = getattr(torchvision.models.video, name)(weights=None)
        exporting.scale_normalisations(model, (torch.randn(1, 3, frames, size, size),))
        clip = generator.standard_normal((1, 3, frames, size, size)).astype(numpy.float32)
        return exporting.export(model, {"clip": torch.from_numpy(clip)}, ["output"], folder)

    return make


NETWORKS = [Network("r3d_18", "video", video("r3d_18", 8, 112)), Network("s3d", "video", video("s3d", 16, 224))]
