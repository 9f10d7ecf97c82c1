"""PyTorch as Debian builds it: `options` choose memory_format and whether the network is frozen by TorchScript."""
import torch

import export_models


class Peer:
    def __init__(self, setting):
        torch.set_num_threads(setting["threads"])
        torch.set_grad_enabled(False)
        self.channels_last = setting["options"]["layout"] == "channels_last"
        self.model = export_models.build(setting["network"])
        if self.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.frozen = setting["options"]["frozen"]
        self.callable = self.model

    def version(self):
        return torch.__version__

    def prepare(self, arrays):
        self.tensors = [torch.from_numpy(array) for array in arrays.values()]
        if self.channels_last:
            self.tensors = [t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t
                            for t in self.tensors]
        if self.frozen:
            traced = torch.jit.trace(self.model, tuple(self.tensors), check_trace=False)
            self.callable = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            with torch.inference_mode():
                self.callable(*self.tensors)

    def run(self):
        with torch.inference_mode():
            return self.callable(*self.tensors)

    def outputs(self):
        found = self.run()
        return [t.contiguous().numpy() for t in (found if isinstance(found, tuple) else (found,))]
