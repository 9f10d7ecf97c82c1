"""Builds the libFuzzer targets (preset fuzz: clang, address and undefined behaviour sanitizers) and runs each for 60 s.

A finding fails the test and is kept in <build>/full/fuzz/. --seconds N and target names change what is run.
"""

import concurrent.futures
import glob
import io
import os
import shutil
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
        with open(path, "rb") as file:
            yield file.read()


SEEDS = {
    "jpeg_fuzz": lambda: image_seeds([("JPEG", ("RGB", "L", "CMYK"), {}), ("JPEG", ("RGB", "L"), {"progressive": True}),
                                      ("JPEG", ("RGB",), {"subsampling": 2, "quality": 30})]),
    "png_fuzz": lambda: image_seeds([("PNG", ("RGB", "RGBA", "L", "LA", "P", "1", "I"), {})]),
    "stb_fuzz": lambda: image_seeds([("BMP", ("RGB", "L", "P"), {}), ("TGA", ("RGB", "RGBA", "L"), {}),
                                     ("TGA", ("RGB",), {"compression": "tga_rle"}), ("PPM", ("RGB", "L"), {})]),
    "npy_fuzz": array_seeds,
    "reader_fuzz": model_seeds,
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
