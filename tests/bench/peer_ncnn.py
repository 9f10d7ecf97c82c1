"""ncnn in float32: the network converted by pnnx, the samples of a batch one after another, as ncnn has no batch."""
import pathlib
import subprocess

import ncnn
import numpy

import networks

SHORT = {"float32": "f32", "int64": "i64"}


def converted(setting):
    """The .param and .bin files, made first if need be. Raises RuntimeError with pnnx's last words."""
    folder = pathlib.Path(setting["folder"]) / "ncnn"
    param, binary = folder / f"{setting['network']}.param", folder / f"{setting['network']}.bin"
    if not param.exists() or param.stat().st_mtime < pathlib.Path(setting["model"]).stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        inputs = networks.inputs_of(setting["network"]).values()
        shapes = ",".join(f"[{','.join(map(str, (1, *dims)))}]{SHORT[dtype]}" for dims, dtype in inputs)
        files = {key: folder / f"pnnx.{key}" for key in ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy")}
        files |= {"ncnnparam": folder / "part.param", "ncnnbin": binary}
        done = subprocess.run([setting["options"]["pnnx"], setting["model"], f"inputshape={shapes}", "fp16=0",
                               *(f"{key}={path}" for key, path in files.items())], capture_output=True, text=True)
        if done.returncode or not files["ncnnparam"].exists():
            said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise RuntimeError(f"not converted: pnnx: {said[-1]}")
        files["ncnnparam"].rename(param)
        for key in ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy"):
            files[key].unlink(missing_ok=True)
    return param, binary


class Peer:
    def __init__(self, setting):
        param, binary = converted(setting)
        self.net = ncnn.Net()
        self.net.opt.num_threads = 1 if setting["callers"] > 1 else setting["threads"]
        for precision in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, precision, False)
        if self.net.load_param(str(param)) or self.net.load_model(str(binary)):
            raise RuntimeError("not converted: ncnn refuses what pnnx made of it")

    def version(self):
        return ncnn.__version__

    def prepare(self, arrays):
        def mat(array):
            return ncnn.Mat(array.astype(numpy.int32) if array.dtype == numpy.int64 else array).clone()

        self.samples = [[mat(array[i]) for array in arrays.values()] for i in range(len(next(iter(arrays.values()))))]

    def infer(self, mats):
        extractor = self.net.create_extractor()
        for name, mat in zip(self.net.input_names(), mats):
            extractor.input(name, mat)
        found = []
        for name in self.net.output_names():
            code, mat = extractor.extract(name)
            if code:
                raise RuntimeError(f"ncnn could not compute {name}: {code}")
            found.append(mat)
        return found

    def run(self):
        for mats in self.samples:
            self.infer(mats)

    def outputs(self):
        rows = [[numpy.array(mat) for mat in self.infer(mats)] for mats in self.samples]
        return [numpy.stack(column) for column in zip(*rows)]
