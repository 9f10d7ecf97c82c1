"""ONNX Runtime: all graph optimisations, default spinning and arena."""
import onnxruntime


class Peer:
    def __init__(self, setting):
        options = onnxruntime.SessionOptions()
        # With one thread a run happens in the thread that calls, so that several may call one session.
        options.intra_op_num_threads = 1 if setting["callers"] > 1 else setting["threads"]
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(setting["model"], options, providers=["CPUExecutionProvider"])

    def version(self):
        return onnxruntime.__version__

    def prepare(self, arrays):
        self.arrays = arrays

    def run(self):
        self.session.run(None, self.arrays)

    def outputs(self):
        return self.session.run(None, self.arrays)
