"""tests/bench/peers.py from the export to the table, on one small network with slices too short to mean anything."""
import json
import os
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["SPINEL_BINARY_DIR"]
SKIP = 77

sys.path.insert(0, FOLDER)
import environment  # noqa: E402


def main():
    try:
        environment.python_of(os.path.join(BUILD, "bench", "peers"))
    except RuntimeError as error:
        print(f"SKIPPED: Spinel beside its peers ({str(error).splitlines()[-1]})")
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        figures, page = os.path.join(folder, "figures.json"), os.path.join(folder, "page.md")
        with open(page, "w") as file:
            file.write("<!-- measured -->\n<!-- end -->\n")
        command = [sys.executable, "-B", os.path.join(FOLDER, "peers.py"), "--models", "resnet18", "--rounds", "2",
                   "--slice", "0.05", "--batch", "1,2", "--passes", "1", "--latency", "--throughput", "--spas", "1,2",
                   "--beside-load", "--memory", "--load", "--threads", "2", "--cache", os.path.join(BUILD, "bench"),
                   "--models-folder", os.path.join(BUILD, "bench_models"), "--json", figures, "--page", page,
                   "--spinel", os.path.join(BUILD, "lib", "libspinel.so")]
        subprocess.run(command, check=True)
        with open(figures) as file:
            document = json.load(file)
        with open(page) as file:
            assert "| resnet18 |" in file.read()
    network = document["networks"]["resnet18"]
    peers = {"spinel", "spinel float16", "onnxruntime", "openvino", "ncnn", "torch"}
    assert network["failed"] == {}, network["failed"]
    assert network["reference"] == "onnxruntime"
    assert set(network["differences"]) == peers - {"onnxruntime"}
    for peer, difference in network["differences"].items():
        assert difference <= (2e-2 if "float16" in peer else 1e-4), (peer, difference)
    for metric in ("latency", "throughput"):
        assert set(network[metric]) == peers, (metric, network[metric])
        for result in network[metric].values():
            assert result["value"] > 0 and len(result["rounds"]) == 2
    scenarios = document["scenarios"]
    assert set(scenarios) == {"spas", "beside_load", "memory", "load"}
    assert not [s for s in scenarios.values() if "failed" in s], scenarios
    for result in scenarios["memory"].values():
        assert result["peak_bytes"] > result["before_loading_bytes"] > 1e6
    return 0


if __name__ == "__main__":
    sys.exit(main())
