"""Detectors of torchvision with random weights whose heads give scores that differ, and many boxes."""
import compare
from network import Network

HEIGHT, WIDTH = 320, 416
# What is resized to this comes out of the same size: the resize stays in the graph all the same.
SIZES = {"min_size": HEIGHT, "max_size": WIDTH}
NONE = {"weights": None, "weights_backbone": None}


def smooth_picture(height, width):
    """Random, [3, height, width] in 0..1; noise alone looks alike everywhere."""
    import torch

    coarse = torch.rand(1, 3, height // 32, width // 32)
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return (fine[0] + 0.1 * torch.randn(3, height, width)).clamp(0, 1)


def ssd300_vgg16(torchvision):
    model = torchvision.models.detection.ssd300_vgg16(**NONE, detections_per_img=100)
    return model, [(m, 2.0, None) for m in model.head.classification_head.module_list] + [
        (m, 0.5, None) for m in model.head.regression_head.module_list]


def ssdlite320(torchvision):
    model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(**NONE, detections_per_img=100)
    head = model.head
    return model, [(m[1], 2.0, None) for m in head.classification_head.module_list] + [
        (m[1], 0.5, None) for m in head.regression_head.module_list]


def retinanet(torchvision):
    model = torchvision.models.detection.retinanet_resnet50_fpn(**NONE, **SIZES, detections_per_img=100)
    head = model.head
    return model, [(head.classification_head.cls_logits, 1.0, -4.0), (head.regression_head.bbox_reg, 0.3, None)]


def fcos(torchvision):
    model = torchvision.models.detection.fcos_resnet50_fpn(**NONE, **SIZES, detections_per_img=100)
    head = model.head
    return model, [(head.classification_head.cls_logits, 1.0, -3.0), (head.regression_head.bbox_reg, 1.0, 2.0),
                   (head.regression_head.bbox_ctrness, 1.0, 0.0)]


def rcnn_heads(model):
    """The region proposals' and the boxes' heads. The second ones see what the first have found: in this order."""
    return [(model.rpn.head.cls_logits, 2.0, 0.0), (model.rpn.head.bbox_pred, 0.3, None),
            (model.roi_heads.box_predictor.cls_score, 2.0, None), (model.roi_heads.box_predictor.bbox_pred, 0.5, None)]


RCNN = {**SIZES, "rpn_post_nms_top_n_test": 200, "box_detections_per_img": 50}


def faster_rcnn(torchvision):
    model = torchvision.models.detection.fasterrcnn_resnet50_fpn(**NONE, **RCNN)
    return model, rcnn_heads(model)


def faster_rcnn_mobilenet(torchvision):
    model = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_fpn(**NONE, **RCNN)
    return model, rcnn_heads(model)


def mask_rcnn(torchvision):
    model = torchvision.models.detection.maskrcnn_resnet50_fpn(**NONE, **RCNN)
    return model, rcnn_heads(model) + [(model.roi_heads.mask_predictor.mask_fcn_logits, 2.0, 0.0)]


def keypoint_rcnn(torchvision):
    model = torchvision.models.detection.keypointrcnn_resnet50_fpn(**NONE, **RCNN)
    return model, rcnn_heads(model)


class Detector:
    """make() of a detector: `build(torchvision)` gives the model and what is spread: (layer, deviation, bias)."""

    def __init__(self, build, outputs=("boxes", "scores", "labels")):
        self.build, self.outputs = build, list(outputs)

    def model(self):
        """The model, and a picture on which it finds something."""
        import torchvision

        import exporting

        exporting.seeded()
        model, heads = self.build(torchvision)
        picture = smooth_picture(HEIGHT, WIDTH)
        example = ([picture],)
        exporting.scale_normalisations(model, example)
        for layer, deviation, bias in heads:
            exporting.spread(layer, model, example, deviation, bias)
        return model, picture

    def __call__(self, folder):
        return self.export(*self.model(), folder)

    def export(self, model, picture, folder, opset=17):
        import torch

        import exporting

        with torch.no_grad():
            found = model([picture])[0]
        # The order in which the model's dict has them.
        names = list(found)
        assert sorted(names) == sorted(self.outputs), names
        axes = {"image": {1: "height", 2: "width"}}
        return exporting.export(ListOfOne(model), {"image": picture}, names, folder, axes, opset)


def ListOfOne(model):
    """The model as one that takes a picture and returns a tuple."""
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, image):
            return tuple(self.model([image])[0].values())

    return Wrapped()


def detector(name, domain, build, *outputs, stages=1):
    matched = {"float32": 0.99, "float16": 0.8 if stages == 1 else 0.5}
    return Network(name, domain, Detector(build, ("boxes", "scores", "labels", *outputs)), float32=1e-4, float16=2e-2,
                   compare=compare.boxes(matched))


NETWORKS = [detector("ssd300_vgg16", "detection", ssd300_vgg16),
            detector("ssdlite320_mobilenet_v3", "detection", ssdlite320),
            detector("retinanet_resnet50_fpn", "detection", retinanet),
            detector("fcos_resnet50_fpn", "detection", fcos),
            detector("fasterrcnn_resnet50_fpn", "detection", faster_rcnn, stages=2),
            detector("fasterrcnn_mobilenet_v3_fpn", "detection", faster_rcnn_mobilenet, stages=2),
            detector("keypointrcnn_resnet50_fpn", "detection", keypoint_rcnn, "keypoints", "keypoints_scores", stages=2)]
