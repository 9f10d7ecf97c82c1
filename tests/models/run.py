#!/usr/bin/python3
"""Exports or fetches real networks of many domains and checks Spinel against ONNX Runtime, a row a network.

    tests/models/run.py --all
    tests/models/run.py resnet50 minilm --dtype float32,float16 --json figures.json

Random weights come from a fixed seed. A column: the time to load (ms, Spinel and ONNX Runtime), diff2 of Spinel's outputs in
float32 and with dtype float16 from ONNX Runtime's in float32, and Spinel's time over ONNX Runtime's for the same inputs, by
as many threads, medians of runs in turns. Files and downloads are kept in --cache. Needs Debian's python3 with torch and
torchvision (the exports), and PyPI, npm and Maven Central; what cannot be had is skipped with a line.
Exit status 0: every network that was run is within its limits; slowness is reported and fails nothing.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import network as networks

import environment
import interleave

# transformers that works with torch 1.13.
PACKAGES = ("onnxruntime==1.32.0", "transformers==4.30.2", "tokenizers==0.13.3")
STAGE_SECONDS = 600
SKIP = 77
SLOW = 2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks or domains")
    parser.add_argument("--all", action="store_true", help="every network")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--dtype", default="float32,float16", help="of Spinel's runs (default: %(default)s)")
    parser.add_argument("--json", type=pathlib.Path, help="file for all figures")
    parser.add_argument("--markdown", type=pathlib.Path, help="file for the table")
    parser.add_argument("--no-time", action="store_true", help="compare only")
    parser.add_argument("--keep", action="store_true", help="do not export again what an edited script made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slice", type=float, default=0.3, help="seconds of one slice (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: one a core")
    build = pathlib.Path(os.environ.get("SPINEL_BINARY_DIR", networks.ROOT / "build"))
    parser.add_argument("--cache", type=pathlib.Path, default=build / "models")
    parser.add_argument("--spinel", type=pathlib.Path, default=build / "lib" / "libspinel.so",
                        help="the shared library to check")
    arguments = parser.parse_args()
    arguments.dtypes = arguments.dtype.split(",")
    if not set(arguments.dtypes) <= {"float32", "float16"}:
        parser.error(f"--dtype {arguments.dtype}: float32, float16 or both")
    if not arguments.list and not arguments.spinel.exists():
        parser.error(f"{arguments.spinel} does not exist; build it, or name it with --spinel")
    return parser, arguments


def chosen(parser, arguments):
    every = networks.every()
    if arguments.all or arguments.list:
        return list(every.values())
    if not arguments.names:
        parser.error("name networks or domains, or say --all; --list shows them")
    unknown = [n for n in arguments.names if n not in every and n not in networks.DOMAINS]
    if unknown:
        parser.error(f"no network {', '.join(unknown)}; there are {', '.join(every)}")
    return [n for n in every.values() if n.name in arguments.names or n.domain in arguments.names]


class Failed(RuntimeError):
    pass


def stage(python, *arguments):
    """stage.py's stdout. Raises Unavailable and Failed, with the last of what it said."""
    command = [python, "-B", str(networks.FOLDER / "stage.py"), *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STAGE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"took more than {STAGE_SECONDS} s") from None
    if done.returncode == SKIP:
        raise networks.Unavailable(done.stdout.strip().splitlines()[-1])
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise Failed(f"exit status {done.returncode}: {said}")
    return done.stdout


def made(python, arguments, network):
    """The folder with the network's files; one made by an older script is made again."""
    folder = arguments.cache / network.name
    stamp = folder / "inputs.npz"
    scripts = [networks.FOLDER / f for f in (f"{network.domain}.py", "exporting.py", "fetch.py")]
    if stamp.exists() and (arguments.keep or stamp.stat().st_mtime > max(s.stat().st_mtime for s in scripts)):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stage(python, "make", network.name, folder)
    return folder


def timed(python, arguments, folder, dtypes):
    """{"onnxruntime", "float32", ...}: {"load_ms", "median_ms"}, the runs in turns."""
    common = {"model": str(folder / "model.onnx"), "arrays": str(folder / "inputs.npz"), "callers": 1,
              "threads": arguments.threads}
    settings = {"onnxruntime": {**common, "peer": "onnxruntime", "options": {}}}
    for dtype in dtypes:
        options = {"library": str(arguments.spinel.resolve()), "dtype": dtype, "spas": 1,
                   "threads_per_spa": arguments.threads, "tune": False}
        settings[dtype] = {**common, "peer": "spinel", "options": options}
    workers, medians = {}, {name: [] for name in settings}
    try:
        for name, setting in settings.items():
            workers[name] = interleave.Worker(python, setting)
        for _ in range(arguments.rounds):
            for name, worker in workers.items():
                medians[name].append(worker.slice(1, arguments.slice)["median_ms"])
        return {name: {"load_ms": worker.loaded["load_ms"], "median_ms": statistics.median(medians[name])}
                for name, worker in workers.items()}
    except interleave.PeerFailed as error:
        raise Failed(str(error)) from None
    finally:
        for worker in workers.values():
            worker.close()


def examine(python, arguments, network):
    """A row: {"name", "domain", "weights", "verdict", "reason", "<dtype>": {...}, "times": {...}}."""
    row = {"name": network.name, "domain": network.domain, "weights": "real" if network.real_weights else "random",
           "limits": {d: getattr(network, d) for d in arguments.dtypes}, "verdict": "ok", "reason": ""}
    try:
        folder = made(python, arguments, network)
        row["megabytes"] = (folder / "model.onnx").stat().st_size / 1e6
        checked = stage(python, "check", network.name, folder, arguments.spinel.resolve(), arguments.dtype,
                        arguments.threads)
        row.update(json.loads(checked.strip().splitlines()[-1]))
        reasons = [f"{d}: {row[d]['reason']}" for d in arguments.dtypes if row[d]["reason"]]
        ran = [d for d in arguments.dtypes if "diff2" in row[d]]
        if reasons:
            row.update(verdict="FAILED", reason="; ".join(reasons))
        if ran and not arguments.no_time:
            row["times"] = timed(python, arguments, folder, ran)
            ratio = ratio_of(row, "float32")
            if ratio and ratio > SLOW and not reasons:
                row["verdict"] = "ok, slow"
    except networks.Unavailable as error:
        row.update(verdict="skipped", reason=str(error))
    except Failed as error:
        row.update(verdict="FAILED", reason=str(error))
    return row


def ratio_of(row, dtype):
    times = row.get("times", {})
    return times[dtype]["median_ms"] / times["onnxruntime"]["median_ms"] if dtype in times else None


def number(value, form):
    return "-" if value is None else format(value, form)


HEADER = ("network", "domain", "weights", "load ms", "ORT load ms", "ORT run ms", "diff2 float32", "diff2 float16",
          "time / ORT", "float16 time / ORT", "verdict")


def cells(row):
    times = row.get("times", {})
    compared = {d: row.get(d, {}).get("diff2") for d in ("float32", "float16")}
    seen = [s for s in dict.fromkeys(row.get(d, {}).get("seen") for d in compared) if s]
    spinel = times.get("float32", times.get("float16", {}))
    return (row["name"], row["domain"], row["weights"], number(spinel.get("load_ms"), ".0f"),
            number(times.get("onnxruntime", {}).get("load_ms"), ".0f"),
            number(times.get("onnxruntime", {}).get("median_ms"), ".2f"),
            number(compared["float32"], ".1e"), number(compared["float16"], ".1e"),
            number(ratio_of(row, "float32"), ".2f"), number(ratio_of(row, "float16"), ".2f"),
            row["verdict"] + (f" ({'; '.join(seen)})" if seen else ""))


def main():
    parser, arguments = parse_arguments()
    selection = chosen(parser, arguments)
    if arguments.list:
        for network in selection:
            print(f"{network.domain:<16}{network.name}")
        return 0
    start = time.time()
    try:
        python = environment.python_of(arguments.cache / "venv", PACKAGES, (), options=("--system-site-packages",))
    except RuntimeError as error:
        print(f"SKIPPED: real networks ({str(error).splitlines()[-1]})")
        return SKIP
    widths = (30, 15, 8, 8, 12, 11, 14, 14, 11, 19, 8)
    print("".join(f"{h:<{w}}" for h, w in zip(HEADER, widths)), flush=True)
    rows = []
    for network in selection:
        rows.append(examine(python, arguments, network))
        print("".join(f"{c:<{w}}" for c, w in zip(cells(rows[-1]), widths)), flush=True)
        if rows[-1]["reason"]:
            print(f"    {' '.join(rows[-1]['reason'].split())}", flush=True)
    failed = [row for row in rows if row["verdict"] == "FAILED"]
    skipped = [row for row in rows if row["verdict"] == "skipped"]
    for row in skipped:
        print(f"SKIPPED: {row['name']} ({row['reason']})")
    print(f"{len(rows) - len(failed) - len(skipped)} of {len(rows)} networks passed, {len(failed)} failed, "
          f"{len(skipped)} skipped, in {time.time() - start:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps({"networks": rows}, indent=1) + "\n")
    if arguments.markdown:
        lines = [HEADER, ("---",) * len(HEADER), *map(cells, rows)]
        arguments.markdown.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
