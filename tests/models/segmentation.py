"""Segmentation of torchvision with random weights: score maps of every class, and masks of found boxes."""
from detection import detector, mask_rcnn
from network import Network

SIZE = 256


def segmenter(name):
    def make(folder):
        import torch
        import torchvision

        import exporting
        from export_models import MainOutput

        exporting.seeded()
        model = MainOutput(getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None))
        exporting.scale_normalisations(model, (torch.randn(2, 3, SIZE, SIZE),))
        inputs = {"input": torch.randn(1, 3, SIZE, SIZE)}
        return exporting.export(model, inputs, ["scores"], folder,
                                {"input": {0: "batch", 2: "height", 3: "width"}, "scores": {0: "batch"}})

    return make


# Float16 tensors alone, with float32 arithmetic, change the random LRASPP by 3e-3 to 3.6e-3, depending on the photo.
NETWORKS = [Network(name, "segmentation", segmenter(name), float16=float16)
            for name, float16 in (("deeplabv3_resnet50", 3e-3), ("fcn_resnet50", 3e-3),
                                  ("lraspp_mobilenet_v3_large", 8e-3))]
NETWORKS.append(detector("maskrcnn_resnet50_fpn", "segmentation", mask_rcnn, "masks", stages=2))
