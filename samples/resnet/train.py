#!/usr/bin/env python3
"""Trains a small ResNet on Fashion-MNIST and exports it to ONNX (float32 and float16).

The evaluation does exactly what the ResNet flows do at this input size: gray to RGB, Pillow's bilinear resize of the
short side to input_size * 256 / 224 (rounded down), centre crop, [0, 1], ImageNet mean and std, NCHW.
The test images are used once, after the training. Ctrl-C stops the training and keeps what it has reached.
"""

import json
import os
import random
import time

import common
from common import UserError
import to_float16

try:
    import numpy as np
    import onnx
    import torch
    from PIL import Image
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    raise SystemExit(f"error: {error}; see requirements.txt")

HERE = os.path.dirname(os.path.abspath(__file__))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet(nn.Module):
    """A CIFAR-kind ResNet: a stride-2 stem, three stages of two blocks, global average pool, linear."""

    def __init__(self, classes=10, widths=(32, 64, 128)):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        stages, inputs = [], widths[0]
        for index, width in enumerate(widths):
            stride = 1 if index == 0 else 2
            stages.append(nn.Sequential(BasicBlock(inputs, width, stride), BasicBlock(width, width, 1)))
            inputs = width
        self.layer1, self.layer2, self.layer3 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resized(images, size):
    """Gray images [N, H, W], each resized to size x size as Pillow does (its channels are resized alike)."""
    out = np.empty((len(images), size, size), np.uint8)
    for index, image in enumerate(images):
        out[index] = np.asarray(Image.fromarray(image).resize((size, size), Image.BILINEAR))
    return torch.from_numpy(out)


def normalized(gray):
    """Float NCHW input of the network from gray bytes [N, H, W]."""
    x = gray.float().div_(255).unsqueeze(1).expand(-1, 3, -1, -1)
    mean = torch.tensor(common.MEAN).view(1, 3, 1, 1)
    std = torch.tensor(common.STD).view(1, 3, 1, 1)
    return (x - mean) / std


def centre_crop(gray, size):
    """The centre of [N, H, W], size x size."""
    start = (gray.shape[-1] - size) // 2
    return gray[:, start:start + size, start:start + size]


def augmented(gray, size, cutout):
    """Random crops of [N, H, W], half of them mirrored, each with a square of random gray cut out half of the time."""
    count, full = gray.shape[0], gray.shape[-1]
    steps = torch.arange(size)
    rows = torch.randint(0, full - size + 1, (count, 1)) + steps
    cols = torch.randint(0, full - size + 1, (count, 1)) + torch.where(torch.rand(count, 1) < 0.5, steps, steps.flip(0))
    out = gray[torch.arange(count).view(-1, 1, 1), rows.unsqueeze(2), cols.unsqueeze(1)]
    if cutout > 0:
        top, left = torch.randint(0, size, (count, 1)), torch.randint(0, size, (count, 1))
        in_rows = (steps - top).abs() * 2 < cutout
        in_cols = (steps - left).abs() * 2 < cutout
        chosen = (torch.rand(count) < 0.5).view(-1, 1, 1)
        hole = in_rows.unsqueeze(2) & in_cols.unsqueeze(1) & chosen
        out = torch.where(hole, torch.randint(0, 256, (count, 1, 1), dtype=torch.uint8), out)
    return out


def logits_of(model, gray, size, batch=500):
    """The network's output for every image [N, H, W], after the evaluation's crop."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(normalized(centre_crop(part, size)).contiguous(memory_format=torch.channels_last))
                          for part in gray.split(batch)])


def learning_rate(progress, peak):
    """One-cycle schedule: linear to the peak over the first fifth, then a cosine to nought."""
    if progress < 0.2:
        return peak * (0.05 + 0.95 * progress / 0.2)
    return peak * 0.5 * (1 + np.cos(np.pi * (progress - 0.2) / 0.8))


def train(args, gray, labels, save):
    """Trains and returns the averaged model; `save(model, epoch)` is called after each epoch and on Ctrl-C."""
    model = ResNet().to(memory_format=torch.channels_last)
    average = ResNet().to(memory_format=torch.channels_last)
    average.load_state_dict(model.state_dict())
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": args.weight_decay},
                                 {"params": plain, "weight_decay": 0.0}], lr=0.1, momentum=0.9, nesterov=True)
    batches = len(gray) // args.batch_size
    steps, step, start, epoch = args.epochs * batches, 0, time.time(), 0
    try:
        for epoch in range(1, args.epochs + 1):
            model.train()
            order = torch.randperm(len(gray))
            loss_sum, right, shown = 0.0, 0, time.time()
            for batch in range(batches):
                picked = order[batch * args.batch_size:(batch + 1) * args.batch_size]
                x = normalized(augmented(gray[picked], args.input_size, args.cutout))
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step / steps, args.lr)
                output = model(x.contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(output, labels[picked], label_smoothing=args.label_smoothing)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                step += 1
                decay = min(args.ema, (1 + step) / (10 + step))
                with torch.no_grad():
                    for kept, now in zip(average.state_dict().values(), model.state_dict().values()):
                        if kept.is_floating_point():
                            kept.lerp_(now, 1 - decay)
                        else:
                            kept.copy_(now)
                loss_sum += loss.item()
                right += (output.argmax(1) == labels[picked]).sum().item()
                if time.time() - shown >= 15 or batch + 1 == batches:
                    shown = time.time()
                    rate = step * args.batch_size / (shown - start)
                    left = (steps - step) * args.batch_size / rate
                    done = batch + 1
                    print(f"epoch {epoch}/{args.epochs} batch {done}/{batches}: loss {loss_sum / done:.4f}, "
                          f"train top-1 {right / (done * args.batch_size):.4f} (augmented), "
                          f"{rate:.0f} images/s, {left / 60:.1f} min left", flush=True)
            save(average, epoch)
    except KeyboardInterrupt:
        if step == 0:
            raise
        print(f"interrupted in epoch {epoch}: going on with the weights reached so far", flush=True)
        save(average, epoch - 1)
    print(f"trained {step} steps in {(time.time() - start) / 60:.1f} min")
    return average


def export(model, size, path):
    """Writes the model as ONNX with a dynamic batch; checks the file."""
    example = torch.zeros(1, 3, size, size)
    torch.onnx.export(model.eval().to(memory_format=torch.contiguous_format), example, path, opset_version=17,
                      do_constant_folding=True, input_names=["input"], output_names=["output"],
                      dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    onnx.checker.check_model(path)


def main():
    parser = common.Parser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", default=common.DATA_DIR, help="folder of the Fashion-MNIST IDX files")
    parser.add_argument("--out", default=HERE, help="folder of the ONNX files")
    parser.add_argument("--checkpoint", default="resnet_fashion.pt", help="file that the training saves")
    parser.add_argument("--export_only", action="store_true", help="no training: evaluate and export --checkpoint")
    parser.add_argument("--epochs", type=int, default=28)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--input_size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.15, help="peak learning rate")
    parser.add_argument("--weight_decay", type=float, default=5e-4)
    parser.add_argument("--label_smoothing", type=float, default=0.05)
    parser.add_argument("--cutout", type=int, default=12, help="side of the square cut out of half of the images")
    parser.add_argument("--ema", type=float, default=0.998, help="decay of the average of the weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: as many as there are cores")
    args = parser.parse_args()
    if min(args.epochs, args.batch_size, args.input_size) < 1:
        raise UserError("--epochs, --batch_size and --input_size must be at least 1")
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    resize = args.input_size * 256 // 224

    if args.export_only:
        try:
            state = torch.load(args.checkpoint, map_location="cpu", weights_only=True)["model"]
            model = ResNet()
            model.load_state_dict(state)
        except FileNotFoundError:
            raise
        except Exception as error:
            reason = str(error).splitlines()[0].split("Re-running")[0]
            raise UserError(f"{args.checkpoint}: not a checkpoint of this script ({reason})") from None
    else:
        images, labels = common.load_fashion(args.data, "train")
        if len(images) < args.batch_size:
            raise UserError(f"--batch_size {args.batch_size} is more than the {len(images)} training images")
        print(f"{len(images)} training images, resized to {resize}x{resize}; "
              f"{sum(p.numel() for p in ResNet().parameters())} parameters", flush=True)

        def save(model, epoch):
            part = args.checkpoint + ".part"
            torch.save({"model": model.state_dict(), "epoch": epoch, "arguments": json.dumps(vars(args))}, part)
            os.replace(part, args.checkpoint)

        model = train(args, resized(images, resize), torch.from_numpy(labels.astype(np.int64)), save)

    images, labels = common.load_fashion(args.data, "test")
    guesses = logits_of(model, resized(images, resize), args.input_size).argmax(1).numpy()
    print(f"test top-1 {(guesses == labels).mean():.4f} ({(guesses == labels).sum()} of {len(labels)} images)")

    full = os.path.join(args.out, "resnet_fashion.onnx")
    half = os.path.join(args.out, "resnet_fashion_fp16.onnx")
    export(model, args.input_size, full)
    to_float16.convert_file(full, half)
    for path in (full, half):
        print(f"wrote {path} ({os.path.getsize(path)} bytes)")


if __name__ == "__main__":
    common.run_main(main)
