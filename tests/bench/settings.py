"""The documented settings of each peer that are tried; the best counts."""
import pathlib
import sys

import environment
import networks
from interleave import Candidate

PEERS = ("spinel", "onnxruntime", "openvino", "ncnn", "torch")


class Settings:
    """`folder` holds the models (<network>.onnx), `cache` what is made for the peers."""

    def __init__(self, threads, folder, cache, library, tune=False):
        self.threads, self.tune, self.folder, self.cache = threads, tune, pathlib.Path(folder), pathlib.Path(cache)
        self.library = str(pathlib.Path(library).resolve())
        self.python = environment.python_of(self.cache / "peers")

    def model(self, network):
        return str(self.folder / f"{network}.onnx")

    def candidate(self, peer, variant, network, batch, callers=1, module=None, python=None, **options):
        setting = {"peer": module or peer, "network": network, "model": self.model(network), "threads": self.threads,
                   "callers": callers, "folder": str(self.cache), "options": options}
        return Candidate(peer, variant, python or self.python, setting, batch)

    def spinel(self, network, batch, dtype="float32", spas=None, threads_per_spa=1, callers=1, **options):
        """More `options` of peer_spinel.Peer may follow."""
        spas = self.threads if spas is None else spas
        text = f"{spas} SPA{'s' if spas > 1 else ''} x {threads_per_spa}" + (f", {callers} callers" * (callers > 1))
        peer = "spinel" if dtype == "float32" else f"spinel {dtype}"
        return self.candidate(peer, text, network, batch, callers, "spinel", library=self.library, dtype=dtype,
                              spas=spas, threads_per_spa=threads_per_spa, tune=self.tune, **options)

    def onnxruntime(self, network, batch, callers=1):
        text = f"{callers} callers x 1 thread" if callers > 1 else f"{self.threads} threads"
        return self.candidate("onnxruntime", text, network, batch, callers)

    def of(self, peer, network, batch, dtypes, throughput):
        """Candidates for one batch. `throughput`: settings that only serve throughput are tried too."""
        several = (1, self.threads) if throughput and self.threads > 1 else (1,)
        if peer == "spinel":
            found = [self.spinel(network, batch, dtype, callers=c) for dtype in dtypes for c in several]
            if self.threads > 1 and not throughput:
                found += [self.spinel(network, batch, dtype, 1, self.threads) for dtype in dtypes]
            return found
        if peer == "onnxruntime":
            return [self.onnxruntime(network, batch, c) for c in several]
        if peer == "openvino":
            return [self.candidate(peer, hint, network, batch, hint=hint) for hint in ("LATENCY", "THROUGHPUT")]
        if peer == "ncnn":
            if batch > 1:  # It has no batch: the figure of 1 holds for all.
                return []
            pnnx = environment.pnnx_of(self.cache / "peers")
            return [self.candidate(peer, f"{c} callers x 1 thread" if c > 1 else f"{self.threads} threads", network,
                                   batch, c, pnnx=pnnx) for c in several]
        if peer == "torch":
            layouts = ("contiguous",) if network == "bert_base" else ("contiguous", "channels_last")
            return [self.candidate(peer, f"{layout}{', frozen' * frozen}", network, batch, python=sys.executable,
                                   layout=layout, frozen=frozen) for layout in layouts for frozen in (False, True)]
        raise ValueError(f"no peer {peer}; there are {', '.join(PEERS)}")

    def latency(self, peer, network, dtypes):
        return self.of(peer, network, 1, dtypes, throughput=False)

    def throughput(self, peer, network, dtypes, batches):
        return [c for b in networks.batches(network, batches) for c in self.of(peer, network, b, dtypes, True)]
