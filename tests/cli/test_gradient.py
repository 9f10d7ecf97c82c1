"""`Gradient` of ai.onnx.preview.training in whole models, which every pass has been through, against torch."""

import unittest

import onnx
import torch
from support import *

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
TRAINING = "ai.onnx.preview.training"
NOISE = np.random.default_rng(9)


def normal(*dims):
    return (0.3 * NOISE.standard_normal(dims)).astype(np.float32)


class Gradient(ProgramTest):
    def classifier(self):
        """Convolution, activation, pool, product and loss, and the loss by every weight."""
        weights = {"w": normal(8, 3, 3, 3), "b": normal(8), "v": normal(5, 8 * 4 * 4), "c": normal(5)}
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["h"], pads=[1, 1, 1, 1], strides=[2, 2]),
            helper.make_node("LeakyRelu", ["h"], ["a"], alpha=0.1),
            helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "v", "c"], ["scores"], transB=1),
            helper.make_node("SoftmaxCrossEntropyLoss", ["scores", "labels"], ["loss"]),
            helper.make_node("Gradient", [*weights, "x", "labels"], [f"d{n}" for n in weights], domain=TRAINING,
                             xs=list(weights), zs=["x", "labels"], y="loss"),
        ]
        path = self.path("train.onnx")
        graph = helper.make_graph(
            nodes, "train", [info("x", FLOAT, [6, 3, 16, 16]), info("labels", INT64, [6])],
            [info("loss", FLOAT, [])] + [info(f"d{n}", FLOAT, a.shape) for n, a in weights.items()],
            [onnx.numpy_helper.from_array(a, n) for n, a in weights.items()])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(TRAINING, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return path, weights

    def test_loss_of_a_network(self):
        path, weights = self.classifier()
        x, labels = normal(6, 3, 16, 16), np.array([0, 4, 2, 2, 1, 3])
        out = self.path("results")
        report = json.loads(self.spinel("run", path, "--input", f"x:{self.save('x.npy', x)}", "--input",
                                        f"labels:{self.save('labels.npy', labels)}", "--out", out, "--json").stdout)
        results = {o["name"]: np.load(o["file"]) for o in report["outputs"]}
        t = {n: torch.from_numpy(a).requires_grad_() for n, a in weights.items()}
        h = torch.nn.functional.conv2d(torch.from_numpy(x), t["w"], t["b"], padding=1, stride=2)
        h = torch.nn.functional.max_pool2d(torch.nn.functional.leaky_relu(h, 0.1), 2).flatten(1)
        scores = torch.nn.functional.linear(h, t["v"], t["c"])
        loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))
        loss.backward()
        self.assertLess(abs(results["loss"] - loss.item()), 1e-5)
        for name, tensor in t.items():
            expected = tensor.grad.numpy()
            self.assertLess(np.abs(results["d" + name] - expected).max(), 1e-5 * np.abs(expected).max(), name)

    def test_tools_leave_such_models_alone(self):
        path, _ = self.classifier()
        for tool in (["simplify"], ["convert", "--dtype", "float16"]):
            self.fails("spinel", *tool, path, "-o", self.path("out.onnx"), saying="Gradient")


if __name__ == "__main__":
    unittest.main()
