"""samples/resnet/export_onnx_paddle.py: networks of random weights, static, dynamic and float16, by `spinel run` and by
ONNX Runtime. float32: diff2 at most 1e-5; float16: at most 3e-3 from ONNX Runtime on the float32 file."""

import os
import sys

import common

onnxruntime = common.with_onnxruntime("exports of Paddle")


sys.path.insert(0, os.path.join(common.SOURCE, "tests", "bench"))
import compare_ort
import environment

PACKAGES = ("paddlepaddle==3.3.1", "paddle2onnx==2.1.0", "packaging")
FOLDER = os.path.join(common.WORK, "paddle")
# Whether float16 is compared with float32: MobileNet's statistics by channel blow up what rounding random weights changes.
NETWORKS = {"resnet18": True, "mobilenet_v3_small": False}
SIZE = 96


def main():
    try:
        python = environment.python_of(os.path.join(FOLDER, "venv"), PACKAGES, (), base="/usr/bin/python3")
    except RuntimeError as error:
        common.skip("exports of Paddle", str(error).splitlines()[-1])
    script = os.path.join(common.RESNET, "export_onnx_paddle.py")
    os.makedirs(compare_ort.FOLDER, exist_ok=True)
    table = compare_ort.Table()
    for network, in_float16 in NETWORKS.items():
        made = {}
        for mode, dtype in (("static", "float32"), ("dynamic", "float32"), ("dynamic", "float16")):
            path = made[mode, dtype] = os.path.join(FOLDER, f"{network}_{mode}_{dtype}.onnx")
            said = common.run(python, "-B", script, "--model", network, "--calibrate", "--num_classes", 10, "--mode",
                              mode, "--dtype", dtype, "--input_size", SIZE, "--batch_size", 2, "--out", path)
            names = "['batch', 3, 'height', 'width']" if mode == "dynamic" else f"[2, 3, {SIZE}, {SIZE}]"
            assert f"input input {names} {dtype}" in said, said
        fixed = compare_ort.image_batch(2, 3, SIZE, SIZE)
        free = compare_ort.image_batch(3, 3, SIZE + 32, SIZE)
        expected = compare_ort.reference(made["dynamic", "float32"], free)
        compare_ort.check_float32(table, f"{network} static", made["static", "float32"], fixed,
                                  compare_ort.reference(made["static", "float32"], fixed))
        compare_ort.check_float32(table, f"{network} dynamic", made["dynamic", "float32"], free, expected)
        if not in_float16:
            continue
        compare_ort.check_float16(table, f"{network} --dtype float16", made["dynamic", "float32"], free, expected,
                                  "--dtype", "float16")
        compare_ort.check_float16(table, f"{network} float16 file", made["dynamic", "float16"], free, expected)
    for name in table.failed:
        print(f"FAILED: {name}")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
