#!/usr/bin/env python3
"""Exports a network with an operator that ONNX lacks, custom::Add of two outputs: export.py [add.onnx].

Needs PyTorch 1.13 or newer (Debian: python3-torch) and onnx (python3-onnx)."""
import sys

import torch


class Add(torch.autograd.Function):
    """x + alpha * y and x - alpha * y."""

    @staticmethod
    def forward(ctx, x, y, alpha):
        return x + alpha * y, x - alpha * y

    @staticmethod
    def symbolic(g, x, y, alpha):
        total, difference = g.op('custom::Add', x, y, alpha_f=alpha, outputs=2)
        total.setType(x.type())
        difference.setType(x.type())
        return total, difference


class Network(torch.nn.Module):
    def forward(self, x, y):
        total, difference = Add.apply(torch.relu(x), y, 0.5)
        return total, torch.abs(difference)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else 'add.onnx'
    x, y = torch.rand(2, 3), torch.rand(2, 3)
    batch = {0: 'batch'}
    torch.onnx.export(Network().eval(), (x, y), path, input_names=['x', 'y'], output_names=['sum', 'difference'],
                      dynamic_axes=dict(x=batch, y=batch, sum=batch, difference=batch),
                      custom_opsets={'custom': 1}, opset_version=14)


if __name__ == '__main__':
    main()
