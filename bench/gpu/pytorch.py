#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The work of bench_gpu.cu in PyTorch's eager mode, on the same GPU."""
import statistics

import torch
from torch import nn


def seconds(f, samples=20, repeats=10):
    times = []
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for i in range(samples + 3):
        begin.record()
        for _ in range(repeats):
            f()
        end.record()
        end.synchronize()
        if i >= 3:
            times.append(begin.elapsed_time(end) * 1e-3 / repeats)
    return statistics.median(times)


def pointwise(n):
    a, x, b, c, d = (torch.full((n,), v, device="cuda", requires_grad=True) for v in (0.5, 0.3, 0.1, 1.5, -0.2))
    g = torch.ones(n, device="cuda")

    def forward():
        with torch.no_grad():
            torch.tanh(a * x + b) * c + torch.relu(d)

    def both():
        (torch.tanh(a * x + b) * c + torch.relu(d)).backward(g)
        for t in (a, x, b, c, d):
            t.grad = None

    print(f"pointwise {n:.0e}   forward {seconds(forward) * 1e6:8.1f} us   with backward {seconds(both) * 1e6:8.1f} us")


def training(name, net, x, label):
    net = net.cuda()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), label).backward()
        optimizer.step()

    print(f"training step {name:8} {seconds(step) * 1e6:8.1f} us")


torch.manual_seed(0)
print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}")
for size in (1_000, 100_000, 10_000_000, 100_000_000):
    pointwise(size)
labels = torch.randint(0, 10, (64,), device="cuda")
training("MLP", nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)),
         torch.randn(64, 784, device="cuda"), labels)
training("LeNet-5",
         nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                       nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
         torch.randn(64, 1, 28, 28, device="cuda"), labels)
