"""OpenVINO: compiled for each batch, float32 pinned, the hint as `options` say."""
import time

import openvino


class Peer:
    def __init__(self, setting):
        self.setting = setting
        self.core = openvino.Core()
        self.model = self.core.read_model(setting["model"])
        self.hint = setting["options"]["hint"]
        self.compiled = self.compile({i.any_name: openvino.PartialShape([1, *list(i.partial_shape)[1:]])
                                      for i in self.model.inputs})
        if self.hint == "THROUGHPUT":
            self.run_for = self.run_queue

    def compile(self, shapes):
        self.model.reshape(shapes)
        return self.core.compile_model(self.model, "CPU", {
            "PERFORMANCE_HINT": self.hint, "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self.setting["threads"]})

    def version(self):
        return openvino.__version__

    def prepare(self, arrays):
        self.arrays = arrays
        self.compiled = None
        self.compiled = self.compile({name: list(array.shape) for name, array in arrays.items()})
        self.request = self.compiled.create_infer_request()
        self.queue = openvino.AsyncInferQueue(self.compiled) if self.hint == "THROUGHPUT" else None

    def run(self):
        self.request.infer(self.arrays, share_inputs=True, share_outputs=True)

    def run_queue(self, seconds, least_runs):
        for _ in range(len(self.queue)):  # warms each of the queue's requests up
            self.queue.start_async(self.arrays, share_inputs=True)
        self.queue.wait_all()
        start = time.perf_counter()
        runs = 0
        while time.perf_counter() - start < seconds or runs < max(least_runs, 2 * len(self.queue)):
            self.queue.start_async(self.arrays, share_inputs=True)
            runs += 1
        self.queue.wait_all()
        return runs, time.perf_counter() - start

    def outputs(self):
        found = self.request.infer(self.arrays)
        return [found[output] for output in self.compiled.outputs]
