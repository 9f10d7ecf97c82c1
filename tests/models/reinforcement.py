"""Reinforcement learning: a DQN over four frames (Mnih et al. 2015), and an LSTM policy that carries its state."""
import numpy

import compare
from network import Network

STEPS = 16
POLICY_LIMITS = {"float32": 1e-5, "float16": 3e-3}


def dqn(folder):
    import torch

    import exporting

    class Dqn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.frames = torch.nn.Sequential(
                torch.nn.Conv2d(4, 32, 8, 4), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 4, 2), torch.nn.ReLU(),
                torch.nn.Conv2d(64, 64, 3, 1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(3136, 512),
                torch.nn.ReLU())
            self.value, self.advantage = torch.nn.Linear(512, 1), torch.nn.Linear(512, 6)

        def forward(self, frames):
            hidden = self.frames(frames.to(torch.float32) / 255)
            advantage = self.advantage(hidden)
            values = self.value(hidden) + advantage - advantage.mean(1, keepdim=True)
            return values, values.argmax(1)

    exporting.seeded()
    frames = torch.randint(0, 256, (3, 4, 84, 84), dtype=torch.uint8)
    return exporting.export(Dqn(), {"frames": frames}, ["values", "action"], folder,
                            {name: {0: "batch"} for name in ("frames", "values", "action")})


def policy(folder):
    import torch

    import exporting

    class Policy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = torch.nn.Sequential(torch.nn.Linear(24, 128), torch.nn.Tanh())
            self.recurrent = torch.nn.LSTM(128, 128)
            self.mean, self.value = torch.nn.Linear(128, 4), torch.nn.Linear(128, 1)
            self.deviation = torch.nn.Parameter(torch.randn(4) * 0.1)

        def forward(self, observation, hidden, cell):
            result, (hidden, cell) = self.recurrent(self.encode(observation), (hidden, cell))
            return self.mean(result).tanh(), self.deviation.exp(), self.value(result), hidden, cell

    exporting.seeded()
    inputs = {"observation": torch.randn(5, 2, 24), "hidden": torch.randn(1, 2, 128), "cell": torch.randn(1, 2, 128)}
    axes = {name: {0: "steps", 1: "batch"} for name in ("observation", "mean", "value")}
    axes.update({name: {1: "batch"} for name in ("hidden", "cell", "next_hidden", "next_cell")})
    return exporting.export(Policy(), inputs, ["mean", "deviation", "value", "next_hidden", "next_cell"], folder, axes)


def episode(run, dtype):
    """One step a run with the state carried on, against all steps at once by ONNX Runtime."""
    observations = numpy.random.default_rng(5).standard_normal((STEPS, 1, 24)).astype(numpy.float32)
    state = {"hidden": numpy.zeros((1, 1, 128), numpy.float32), "cell": numpy.zeros((1, 1, 128), numpy.float32)}
    whole = run.expected({"observation": observations, **state})["mean"]
    means = []
    for observation in observations:
        found = run({"observation": observation[None], **state}, dtype)
        state = {"hidden": found["next_hidden"], "cell": found["next_cell"]}
        means.append(found["mean"])
    difference = compare.diff2(numpy.concatenate(means), whole)
    assert difference <= POLICY_LIMITS[dtype], f"{STEPS} steps: diff2 {difference:.1e}"
    return f"{STEPS} steps"


NETWORKS = [Network("dqn", "reinforcement", dqn),
            Network("lstm_policy", "reinforcement", policy, **POLICY_LIMITS, check=episode)]
