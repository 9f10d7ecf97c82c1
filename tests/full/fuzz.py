"""Builds the libFuzzer targets (preset fuzz: clang, address and undefined behaviour sanitizers) and runs each for 60 s.

A finding fails the test and is kept in <build>/full/fuzz/. --seconds N and target names change what is run.
"""

import concurrent.futures
import glob
import io
import os
import shutil
import struct
import subprocess
import sys

import common

FOLDER = os.path.join(common.WORK, "fuzz")
NODE_CASES = "/usr/lib/python3/dist-packages/onnx/backend/test/data/node/*/model.onnx"


def sources():
    pattern = os.path.join(common.SOURCE, "src", "**", "*_fuzz.cpp")
    return sorted(os.path.splitext(os.path.basename(p))[0] for p in glob.glob(pattern, recursive=True))


def image_seeds(formats):
    from PIL import Image

    for size in ((1, 1), (7, 5), (16, 16), (33, 20)):
        base = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 20)
        for format, modes, options in formats:
            for mode in modes:
                buffer = io.BytesIO()
                base.convert("RGB").convert(mode).save(buffer, format, **options)
                yield buffer.getvalue()


def array_seeds():
    import numpy as np

    for dtype in ("?", "u1", "<i8", ">i4", "<f2", "<f4", ">f8", "<c8"):
        for dims, order in (((), "C"), ((3,), "C"), ((2, 3), "F"), ((2, 0, 3), "C")):
            buffer = io.BytesIO()
            np.save(buffer, np.asarray(np.ones(dims), dtype=dtype, order=order))
            yield buffer.getvalue()


def model_seeds():
    for path in sorted(glob.glob(NODE_CASES))[::5]:
        yield open_bytes(path)


def networks():
    """Small models that passes turn into operators of their own: convolutions, pools, products, attention, chains."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    noise = np.random.default_rng(1)

    def model(nodes, inputs, output, constants):
        graph = helper.make_graph(
            nodes, "seed", [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(v if isinstance(v, np.ndarray) else noise.standard_normal(v).astype("f4"), k)
             for k, v in constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()

    node = helper.make_node
    for channels, out, kernel, group in ((3, 8, 3, 1), (16, 16, 3, 1), (8, 8, 3, 8), (8, 4, 1, 1), (8, 8, 3, 2)):
        yield model([node("Conv", ["x", "w", "b"], ["c"], pads=[kernel // 2] * 4, group=group),
                     node("Relu", ["c"], ["r"]), node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2]),
                     node("Conv", ["m", "v"], ["e"]), node("GlobalAveragePool", ["e"], ["y"])],
                    [("x", ["n", channels, 9, 9])], "y",
                    {"w": (out, channels // group, kernel, kernel), "b": (out,), "v": (6, out, 1, 1)})
    yield model([node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "b"], ["c"]), node("Add", ["c", "z"], ["d"]),
                 node("Tanh", ["d"], ["e"]), node("Mul", ["e", "z"], ["f"]), node("Sub", ["f", "b"], ["y"])],
                [("x", ["n", 3, 6]), ("z", ["n", 3, 5])], "y", {"w": (6, 5), "b": (5,)})
    yield model([node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["q", "t"], ["s"]),
                 node("Softmax", ["s"], ["p"], axis=-1), node("MatMul", ["p", "v"], ["y"])],
                [(name, ["n", 2, 5, 8]) for name in "qkv"], "y", {})


def engine_seeds():
    """Engine files, without header and padding: the program's size, the program, the weights."""
    models = [open_bytes(path) for path in sorted(glob.glob(NODE_CASES))[::9]] + list(networks())
    onnx, engine = os.path.join(FOLDER, "seed.onnx"), os.path.join(FOLDER, "seed.spinel")
    os.makedirs(FOLDER, exist_ok=True)
    for content in models:
        with open(onnx, "wb") as file:
            file.write(content)
        for dtype in ([], ["--dtype", "float16"]):
            command = [os.path.join(common.BIN, "spinel"), "build", onnx, "-o", engine, "--isa", "portable", *dtype]
            if subprocess.run(command, capture_output=True).returncode:
                continue
            built = open_bytes(engine)
            program, weights = struct.unpack("<QQ", built[24:40])
            yield struct.pack("<I", program) + built[64:64 + program] + built[weights:]


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


SEEDS = {
    "jpeg_fuzz": lambda: image_seeds([("JPEG", ("RGB", "L", "CMYK"), {}), ("JPEG", ("RGB", "L"), {"progressive": True}),
                                      ("JPEG", ("RGB",), {"subsampling": 2, "quality": 30})]),
    "png_fuzz": lambda: image_seeds([("PNG", ("RGB", "RGBA", "L", "LA", "P", "1", "I"), {})]),
    "stb_fuzz": lambda: image_seeds([("BMP", ("RGB", "L", "P"), {}), ("TGA", ("RGB", "RGBA", "L"), {}),
                                     ("TGA", ("RGB",), {"compression": "tga_rle"}), ("PPM", ("RGB", "L"), {})]),
    "npy_fuzz": array_seeds,
    "reader_fuzz": model_seeds,
    "engine_file_fuzz": engine_seeds,
}


def fuzz(binary, name, seconds):
    """Runs one target; returns its output where it found something, else nothing."""
    corpus, findings = os.path.join(FOLDER, name, "corpus"), os.path.join(FOLDER, name, "findings")
    shutil.rmtree(corpus, ignore_errors=True)
    for folder in (corpus, findings):
        os.makedirs(folder, exist_ok=True)
    for number, content in enumerate(SEEDS.get(name, list)()):
        with open(os.path.join(corpus, f"seed_{number:03d}"), "wb") as file:
            file.write(content)
    done = subprocess.run([binary, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2560",
                           "-print_final_stats=1", f"-artifact_prefix={findings}/", corpus], capture_output=True)
    text = done.stderr.decode(errors="replace")
    runs = [line.split(":")[-1].strip() for line in text.splitlines() if "number_of_executed_units" in line]
    print(f"{name}: {runs[0] if runs else '?'} runs in {seconds} s: {'ok' if done.returncode == 0 else 'FINDING'}",
          flush=True)
    return text[-6000:] if done.returncode else ""


def main():
    arguments = sys.argv[1:]
    seconds = 60
    if "--seconds" in arguments:
        at = arguments.index("--seconds")
        seconds = int(arguments[at + 1])
        del arguments[at:at + 2]
    targets = arguments or sources()
    if not shutil.which("clang++"):
        common.skip(f"fuzzing of {', '.join(targets)}", "clang++ is not installed")
    build = os.path.join(common.SOURCE, "build-fuzz")
    common.run("cmake", "--preset", "fuzz", cwd=common.SOURCE)
    common.run("cmake", "--build", build, "--target", *targets)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(fuzz, os.path.join(build, "bin", name), name, seconds) for name in targets]
        findings = [job.result() for job in jobs]
    for text in filter(None, findings):
        print(text)
    return 1 if any(findings) else 0


if __name__ == "__main__":
    sys.exit(main())
