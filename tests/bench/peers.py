#!/usr/bin/python3
"""Measures Spinel beside ONNX Runtime, OpenVINO, ncnn and PyTorch: same models, inputs and thread counts, in turns.

    tests/bench/peers.py --quick            the table in under 10 minutes
    tests/bench/peers.py --full             everything that docs/benchmarks.md shows
    tests/bench/peers.py --models resnet50 --peers spinel,onnxruntime --batch 1,8 --rounds 5 --latency

Each peer has a process for itself that loads the network once and answers slices; between its slices it is stopped.
Scouting slices of every setting and batch find each peer's best (settings.py lists what is tried), then the best ones take
turns for --rounds rounds; a figure is the median over those. Prints Markdown; --json keeps every slice.

Without --quick or --full: latency and throughput of the models and peers that are named. Models that are missing in
--models-folder are exported there. Needs Debian's python3 with torch 1.13 for PyTorch and the exports; the other
peers are installed from PyPI into a virtual environment in --cache.
"""
import argparse
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile

import interleave
import networks
import report
import scenarios
import settings
from interleave import LATENCY, THROUGHPUT, PeerFailed, Worker, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCOUTING_SECONDS = 0.7

QUICK = {"batch": [1, 8], "rounds": 3, "slice": 0.5, "keep": 1, "passes": 1}
FULL = {"batch": [1, 2, 4, 8, 16, 32, 64], "rounds": 7, "slice": 1.5, "keep": 2, "passes": 2}
DEFAULT = {"batch": [1, 4, 8, 16, 32], "rounds": 5, "slice": 1.0, "keep": 1, "passes": 2}


def names(text):
    return text.split(",")


def numbers(text):
    return [int(x) for x in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="all networks; peers beyond ONNX Runtime on ResNet-50 alone")
    size.add_argument("--full", action="store_true", help="all networks, peers, batches and scenarios")
    parser.add_argument("--models", type=names, help="default: resnet50; with --quick or --full all")
    parser.add_argument("--peers", type=names, help="default: " + ",".join(settings.PEERS))
    parser.add_argument("--dtype", type=names, help="precisions of Spinel: float32, float16 or both (default: both)",
                        default=["float32", "float16"])
    parser.add_argument("--batch", type=numbers, help="batches that throughput is tried at")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: one a core")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--slice", type=float, help="seconds of one slice")
    parser.add_argument("--keep", type=int, help="settings of a peer that go from scouting to the rounds")
    parser.add_argument("--passes", type=int, help="scouting slices of a setting and batch, of which the best counts")
    parser.add_argument("--quiet-wait", type=float, default=0,
                        help="seconds that a slice waits at most for other processes to leave the machine idle")
    parser.add_argument("--tune", action="store_true", help="Spinel times its kernels when it loads a network")
    parser.add_argument("--latency", action="store_true", help="measure latency; alone unless --throughput is there")
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--spas", type=numbers, help="scaling over these numbers of SPAs, e.g. 1,2")
    parser.add_argument("--beside-load", action="store_true", help="throughput kept beside a busy loop")
    parser.add_argument("--memory", action="store_true", help="peak resident memory")
    parser.add_argument("--load", action="store_true", help="time to load")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build" / "bench", help="folder for the peers")
    parser.add_argument("--models-folder", type=pathlib.Path, default=ROOT / "build" / "bench_models")
    parser.add_argument("--spinel", type=pathlib.Path, default=ROOT / "build" / "lib" / "libspinel.so",
                        help="the shared library to measure")
    parser.add_argument("--json", type=pathlib.Path, help="file for all figures")
    parser.add_argument("--page", type=pathlib.Path, help="page whose part between <!-- measured --> and <!-- end --> "
                        "becomes this measurement, as in docs/benchmarks.md")
    arguments = parser.parse_args()
    preset = QUICK if arguments.quick else FULL if arguments.full else DEFAULT
    for key, value in preset.items():
        if getattr(arguments, key) is None:
            setattr(arguments, key, value)
    complete = arguments.quick or arguments.full
    arguments.models = arguments.models or list(networks.ALL if complete else ["resnet50"])
    arguments.peers_named = arguments.peers is not None
    arguments.peers = arguments.peers or list(settings.PEERS)
    unknown = set(arguments.peers) - set(settings.PEERS)
    if unknown:
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(settings.PEERS)}")
    if complete:
        arguments.spas = arguments.spas or [1, 2]
        arguments.beside_load = arguments.memory = arguments.load = True
    only_scenarios = any((arguments.spas, arguments.beside_load, arguments.memory, arguments.load)) and not complete
    if not arguments.latency and not arguments.throughput and not only_scenarios:
        arguments.latency = arguments.throughput = True
    if not arguments.spinel.exists():
        parser.error(f"{arguments.spinel} does not exist; build it, or name it with --spinel")
    return arguments


def export_models(arguments):
    missing = [m for m in arguments.models if not (arguments.models_folder / f"{m}.onnx").exists()]
    if missing:
        say(f"exporting {', '.join(missing)}")
        subprocess.run([sys.executable, "-B", str(ROOT / "tests" / "bench" / "export_models.py"),
                        str(arguments.models_folder), "--models", ",".join(missing)], check=True, stdout=sys.stderr)


def differences(python, files):
    """diff2 of each file's outputs against the first one's; infinite where they cannot be compared."""
    code = ("import sys, json, numpy as n\n"
            "def d(a, b):\n"
            "    a, b = a.astype(n.float64).ravel(), b.astype(n.float64).ravel()\n"
            "    return float(n.linalg.norm(a - b) / n.linalg.norm(b)) if a.size == b.size else float('inf')\n"
            "loaded = [n.load(f) for f in sys.argv[1:]]\n"
            "print(json.dumps([max(d(x[k], loaded[0][k]) if k in x else float('inf') for k in loaded[0].files)"
            " for x in loaded]))\n")
    done = subprocess.run([python, "-c", code, *files], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare_outputs(all_settings, peers, network, dtypes, versions):
    """Runs one sample on each peer: who is the reference, {peer: diff2}, {peer: why it cannot run}."""
    with tempfile.TemporaryDirectory() as folder:
        files, failed = {}, {}
        for peer in sorted(peers, key=lambda p: p != "onnxruntime"):
            seen = set()
            for candidate in all_settings.latency(peer, network, dtypes):
                if candidate.peer in seen:
                    continue
                seen.add(candidate.peer)
                file = os.path.join(folder, f"{candidate.peer}.npz")
                try:
                    with Worker(candidate.python, candidate.setting) as worker:
                        worker.ask({"do": "outputs", "batch": 1, "file": file})
                        versions[peer] = worker.loaded["version"]
                    files[candidate.peer] = file
                except PeerFailed as error:
                    failed[candidate.peer] = str(error)
        if not files:
            return None, {}, failed
        found = dict(zip(files, differences(all_settings.python, files.values())))
        reference = next(iter(files))
        del found[reference]
        return reference, found, failed


def measure_network(all_settings, arguments, network, versions):
    peers = arguments.peers
    if arguments.quick and network != "resnet50" and not arguments.peers_named:
        peers = [p for p in peers if p in ("spinel", "onnxruntime")]
    reference, found, failed = compare_outputs(all_settings, peers, network, arguments.dtype, versions)
    result = {"reference": reference, "differences": found, "failed": failed}

    def candidates_of(choose):
        every = [c for p in peers for c in choose(p)]
        # What computes something else, as a converter may have it, is no peer.
        wrong = {p for p, d in found.items() if not p.startswith("spinel") and not d <= 1e-2}
        for p in wrong:
            failed[p] = f"computes something else: diff2 {found[p]:.1e} from {reference}'s outputs"
        return [c for c in every if c.peer not in failed]

    wanted = []
    if arguments.latency:
        wanted.append((LATENCY, lambda p: all_settings.latency(p, network, arguments.dtype)))
    if arguments.throughput:
        wanted.append((THROUGHPUT, lambda p: all_settings.throughput(p, network, arguments.dtype, arguments.batch)))
    for metric, choose in wanted:
        say(f"  {metric.name}")
        try:
            result[metric.name], broken = interleave.measure(
                candidates_of(choose), metric, arguments.rounds, arguments.slice, arguments.keep,
                min(arguments.slice, SCOUTING_SECONDS), arguments.passes)
            failed.update(broken)
        except PeerFailed as error:  # One that could still do it while scouting.
            failed[metric.name] = str(error)
    return result


def measure_scenarios(all_settings, arguments):
    network, dtypes, rounds, seconds = arguments.models[0], arguments.dtype, arguments.rounds, arguments.slice
    found = {}
    if arguments.spas:
        found["spas"] = scenarios.guarded("scaling over SPAs", scenarios.spas, all_settings, network, arguments.spas,
                                          dtypes, rounds, seconds)
    if arguments.beside_load:
        found["beside_load"] = scenarios.guarded("beside a busy loop", scenarios.beside_load, all_settings, network,
                                                 dtypes, rounds, max(seconds, 1.0))
    if arguments.memory:
        found["memory"] = scenarios.guarded("memory", scenarios.memory, all_settings, network, dtypes, 3)
    if arguments.load:
        found["load"] = scenarios.guarded("loading", scenarios.load, all_settings, network, dtypes, rounds)
    return found


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")),
                    platform.machine())


def main():
    arguments = parse_arguments()
    interleave.quiet_wait_seconds = arguments.quiet_wait
    export_models(arguments)
    all_settings = settings.Settings(arguments.threads, arguments.models_folder, arguments.cache, arguments.spinel,
                                     arguments.tune)
    document = {"command": shlex.join(sys.argv), "machine": {"cpu": cpu_name(), "cores": os.cpu_count()},
                "threads": arguments.threads, "rounds": arguments.rounds, "slice_s": arguments.slice, "versions": {},
                "networks": {}, "scenarios": {}}

    def save():
        document["geometric_means"] = report.geometric_means(document)
        if arguments.json:
            arguments.json.write_text(json.dumps(document, indent=1) + "\n")

    for network in arguments.models if arguments.latency or arguments.throughput else ():
        say(network)
        document["networks"][network] = measure_network(all_settings, arguments, network, document["versions"])
        save()
    say("scenarios")
    document["scenarios"] = measure_scenarios(all_settings, arguments)
    save()
    text = report.markdown(document)
    print(text)
    if arguments.page:
        arguments.page.write_text(report.replace_measured(arguments.page.read_text(), document["command"], text))


if __name__ == "__main__":
    main()
