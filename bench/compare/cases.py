# SPDX-License-Identifier: MIT
"""The cases that compare.py measures: their inputs, and PyTorch's side of each.

A case's inputs go into a file that Taper's side reads, together with its kind and settings; a case's variants are the
ways in which PyTorch can do the work, each with memory of its own. Names of variants begin with "eager" or "compiled".
"""
import math
from typing import Callable, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

# What the geometric mean of a group wants to reach, against the best of the others.
MEANS = {"gemm": 1.05, "conv forward": 1.0, "conv gradients": 1.0}
# How far results may be from each other, relative to their norm. A ReLU whose argument is rounded to the other side of
# zero changes a gradient, and Adam makes steps of one size of gradients of any: its networks need more.
TOLERANCE, TOLERANCE_RELU_ADAM = 1e-4, 2e-3
TOLERANCE_BFLOAT16 = 4e-3  # one rounding more or less
# As in networks.cpp: large for the results that are compared, small while time is taken.
RATE_OF_RESULTS, RATE_OF_SAMPLES, STEPS_OF_RESULTS = 1e-3, 1e-6, 3


class Variant(NamedTuple):
    run: Callable  # the work, once
    results: Callable  # its results by name; called once, before run is timed
    inference: bool = False  # run it in inference mode


class Case(NamedTuple):
    name: str
    group: str
    target: float | None  # the ratio that Taper wants to reach
    kind: str  # Taper's side
    inputs: Callable  # () -> tensors by name
    variants: Callable  # (tensors) -> {name: () -> Variant}
    settings: dict = {}
    random: bool = False  # results are random: compared by what must hold for each
    tolerance: float = TOLERANCE
    memory: float = 0  # GiB that all sides together need


def normal(*shape):
    return torch.randn(shape)


def last(t):
    return t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t


def layouts(make, channels_last, compiled=True):
    """Variants by layout: make(compiled, nhwc)."""
    out = {}
    for way in ("eager", "compiled") if compiled else ("eager",):
        for layout in ("", ", nhwc") if channels_last else ("",):
            out[way + layout] = lambda c=way == "compiled", n=bool(layout): make(c, n)
    return out


def own(tensors, channels_last=False):
    return {k: last(v.clone()) if channels_last else v.clone() for k, v in tensors.items()}


# Training steps


def training(make, loss_of, optimizer, data, name, group, target, kind, channels_last=False,
             tolerance=TOLERANCE):
    """make() is the network; loss_of(network, tensors) the loss; data() the other inputs."""

    def inputs():
        tensors = data()
        tensors |= {"net." + k: v for k, v in make().state_dict().items()}
        return tensors

    def variant(tensors, compiled, nhwc, fused=True):
        tensors = own(tensors, nhwc)
        net = make()
        net.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("net.")})
        if nhwc:
            net = net.to(memory_format=torch.channels_last)
        loss = torch.compile(loss_of) if compiled else loss_of
        opt = optimizer(net.parameters(), lr=RATE_OF_RESULTS, fused=fused)

        def run():
            opt.zero_grad()
            value = loss(net, tensors)
            value.backward()
            opt.step()
            return value

        def results():
            out = {f"loss{i}": run().detach() for i in range(STEPS_OF_RESULTS)}
            out |= {"net." + k: v.detach().clone() for k, v in net.state_dict().items()}
            opt.param_groups[0]["lr"] = RATE_OF_SAMPLES
            return out

        return Variant(run, results)

    def variants(tensors):
        out = layouts(lambda compiled, nhwc: variant(tensors, compiled, nhwc), channels_last)
        return out | {"eager, optimizer not fused": lambda: variant(tensors, False, False, None)}

    return Case(name, group, target, kind, inputs, variants, tolerance=tolerance)


def classified(net, t):
    return F.cross_entropy(net(t["x"]), t["target"])


def fitted(net, t):
    return F.mse_loss(net(t["x"]), t["target"])


class Named(nn.Module):
    """Layers by name, with a forward given as a function."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.call = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.call(self, x)


def mlp():
    return Named(lambda n, x: n.fc2(F.relu(n.fc1(x))), fc1=nn.Linear(784, 128), fc2=nn.Linear(128, 10))


def deep_mlp():
    return Named(lambda n, x: n.fc3(F.relu(n.fc2(F.relu(n.fc1(x))))), fc1=nn.Linear(784, 512), fc2=nn.Linear(512, 512),
                 fc3=nn.Linear(512, 10))


def block(width=128, heads=4):
    """A block of a transformer, norms first."""

    def attention(n, x):
        size, tokens, _ = x.shape
        q, k, v = n.qkv(x).reshape(size, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return n.proj(mixed.transpose(1, 2).reshape(size, tokens, width))

    def forward(n, x):
        h = x + attention(n, n.norm1(x))
        return h + n.fc2(F.gelu(n.fc1(n.norm2(h))))

    return Named(forward, norm1=nn.LayerNorm(width), norm2=nn.LayerNorm(width), qkv=nn.Linear(width, 3 * width),
                 proj=nn.Linear(width, width), fc1=nn.Linear(width, 4 * width), fc2=nn.Linear(4 * width, width))


def tiny():
    return Named(lambda n, x: n.fc2(F.relu(n.fc1(x))), fc1=nn.Linear(4, 8), fc2=nn.Linear(8, 2))


def lenet():
    def forward(n, x):
        x = F.max_pool2d(F.relu(n.conv1(x)), 2)
        x = F.max_pool2d(F.relu(n.conv2(x)), 2)
        return n.fc3(F.relu(n.fc2(F.relu(n.fc1(torch.flatten(x, 1))))))

    return Named(forward, conv1=nn.Conv2d(1, 6, 5, padding=2), conv2=nn.Conv2d(6, 16, 5), fc1=nn.Linear(400, 120),
                 fc2=nn.Linear(120, 84), fc3=nn.Linear(84, 10))


def lstm():
    return Named(lambda n, x: n.lstm(x)[0], lstm=nn.LSTM(128, 128, 2))


def labelled(*shape):
    return lambda: {"x": normal(*shape), "target": torch.randint(0, 10, (shape[0],))}


def adam_alone():
    def inputs():
        return {"p": normal(1024, 4096), "p_grad": normal(1024, 4096), "q": normal(4096), "q_grad": normal(4096)}

    def variant(tensors, fused):
        t = own(tensors)
        parameters = [nn.Parameter(t["p"]), nn.Parameter(t["q"])]
        for parameter, gradient in zip(parameters, (t["p_grad"], t["q_grad"])):
            parameter.grad = gradient
        opt = torch.optim.Adam(parameters, lr=RATE_OF_RESULTS, fused=fused)

        def results():
            for _ in range(STEPS_OF_RESULTS):
                opt.step()
            opt.param_groups[0]["lr"] = RATE_OF_SAMPLES
            return {"p": parameters[0].detach().clone(), "q": parameters[1].detach().clone()}

        return Variant(opt.step, results)

    def case(name, target, fused):
        return Case(name, "training", target, "adam", inputs, lambda t: {"eager": lambda: variant(t, fused)})

    return [case("Adam alone, 4.2e6 parameters", 1.5, None), case("Adam alone, 4.2e6, fused", 1.0, True)]


def training_steps():
    adam, sgd = torch.optim.Adam, torch.optim.SGD
    return [
        training(mlp, classified, adam, labelled(64, 784), "MLP 784-128-10, batch 64, Adam", "training", 1.5, "mlp",
                 tolerance=TOLERANCE_RELU_ADAM),
        training(lenet, classified, adam, labelled(64, 1, 28, 28), "LeNet-5, batch 64, Adam", "training", 1.5, "lenet",
                 channels_last=True, tolerance=TOLERANCE_RELU_ADAM),
        training(lstm, fitted, adam, lambda: {"x": normal(64, 32, 128), "target": normal(64, 32, 128)},
                 "LSTM 2x128, 64 steps, batch 32, Adam", "training", 1.5, "lstm"),
        training(block, fitted, adam, lambda: {"x": normal(8, 128, 128), "target": normal(8, 128, 128)},
                 "transformer block, d 128, 4 heads, 128 tokens, batch 8, Adam", "training", 1.5, "block"),
        training(tiny, fitted, sgd, lambda: {"x": normal(1, 4), "target": normal(1, 2)}, "MLP 4-8-2, batch 1, SGD",
                 "training", 60, "tiny"),
        *adam_alone(),
    ]


def growth():
    return [training(deep_mlp, classified, torch.optim.Adam, labelled(batch, 784), f"MLP 784-512-512-10, batch {batch}, Adam",
                     "growth", None, "deep_mlp", tolerance=TOLERANCE_RELU_ADAM) for batch in (1, 8, 64, 512)]


# Layers and expressions, forward and backward


def with_backward(name, group, target, kind, inputs, f, leaves, channels_last=False, random=False, memory=0):
    """f(tensors) is the result. Its gradient is tensors["g"], or none where it is a loss. What needs much memory has its
    variants share it."""

    def variant(tensors, compiled, nhwc):
        t = tensors if memory else own(tensors, nhwc)
        for leaf in leaves:
            t[leaf].requires_grad_()
        call = torch.compile(f) if compiled else f
        seed = t.get("g")

        def run():
            for leaf in leaves:
                t[leaf].grad = None
            y = call(t)
            y.backward(seed)
            return y

        def results():
            return {"y": run().detach()} | {"d." + leaf: t[leaf].grad for leaf in leaves}

        return Variant(run, results)

    def variants(tensors):
        return layouts(lambda compiled, nhwc: variant(tensors, compiled, nhwc), channels_last)

    return Case(name, group, target, kind, inputs, variants, {}, random, memory=memory)


def with_seed(f, **tensors):
    """The tensors, and a gradient of f's result."""

    def inputs():
        t = {name: make() for name, make in tensors.items()}
        with torch.no_grad():
            shape = f(own(t)).shape
        return t | {"g": normal(*shape)}

    return inputs


def layer(name, target, kind, f, leaves, tensors, **more):
    return with_backward(name, "layers", target, kind, with_seed(f, **tensors), f, leaves, **more)


def layers():
    image = {"x": lambda: normal(64, 16, 28, 28)}
    return [
        layer("BatchNorm2d + ReLU, 64x16x28x28", 1.5, "batch_norm_relu",
              lambda t: F.relu(F.batch_norm(t["x"], t["mean"], t["var"], t["weight"], t["bias"], True)),
              ["x", "weight", "bias"],
              image | {"weight": lambda: 1 + normal(16) / 10, "bias": lambda: normal(16),
                       "mean": lambda: torch.zeros(16), "var": lambda: torch.ones(16)}, channels_last=True),
        with_backward("softmax + cross entropy, 1024x1000", "layers", 1.5, "softmax_cross_entropy",
                      lambda: {"x": normal(1024, 1000), "target": torch.randint(0, 1000, (1024,))},
                      lambda t: F.cross_entropy(t["x"], t["target"]), ["x"]),
        layer("LayerNorm, 4096x768", 1.5, "layer_norm",
              lambda t: F.layer_norm(t["x"], (768,), t["weight"], t["bias"]), ["x", "weight", "bias"],
              {"x": lambda: normal(4096, 768), "weight": lambda: 1 + normal(768) / 10, "bias": lambda: normal(768)}),
        layer("Embedding 10000x128, 32x64 indices", 1.5, "embedding", lambda t: F.embedding(t["index"], t["weight"]),
              ["weight"], {"weight": lambda: normal(10000, 128), "index": lambda: torch.randint(0, 10000, (32, 64))}),
        layer("Linear 1024-4096, batch 64", None, "linear", lambda t: F.linear(t["x"], t["weight"], t["bias"]),
              ["x", "weight", "bias"],
              {"x": lambda: normal(64, 1024), "weight": lambda: normal(4096, 1024) / 32, "bias": lambda: normal(4096)}),
        layer("MaxPool2d 2, 64x16x28x28", 1.5, "max_pool", lambda t: F.max_pool2d(t["x"], 2), ["x"], image,
              channels_last=True),
        layer("GELU, 1e6", 1.5, "gelu", lambda t: F.gelu(t["x"]), ["x"], {"x": lambda: normal(1_000_000)}),
        layer("dropout, 1e6", 1.5, "dropout", lambda t: F.dropout(t["x"], 0.5), ["x"],
              {"x": lambda: normal(1_000_000)}, random=True),
    ]


def pointwise():
    def formula(t):
        return torch.tanh(t["a"] * t["x"] + t["b"]) * t["c"] + F.relu(t["d"])

    def case(decade):
        n = 10 ** decade
        tensors = {name: (lambda: normal(n)) for name in "axbcd"}
        return with_backward(f"pointwise, five leaves, 1e{decade}", "pointwise", {3: 25, 5: 2.8, 7: 2.3}.get(decade),
                             "pointwise", with_seed(formula, **tensors), formula, list("axbcd"), memory=20 if decade > 7 else 0)

    return [case(decade) for decade in range(1, 9)]


# Forward alone, and gradients alone


def forward(name, group, target, kind, inputs, f, settings={}, channels_last=False, recorded=False, tolerance=TOLERANCE):
    def variant(tensors, _, nhwc):
        t = own(tensors, nhwc)
        if recorded:
            t["a"].requires_grad_()

        def results():
            return {"y": f(t).detach()}

        return Variant(lambda: f(t), results, not recorded)

    def variants(tensors):
        return layouts(lambda compiled, nhwc: variant(tensors, compiled, nhwc), channels_last, compiled=False)

    return Case(name, group, target, kind, inputs, variants, settings, tolerance=tolerance)


def small():
    def add(name, recorded):
        return forward(name, "small", None, "add", lambda: {"a": normal(4), "b": normal(4)},
                       lambda t: t["a"] + t["b"], {"recorded": str(int(recorded))}, recorded=recorded)

    return [add("add of 4", False), add("add of 4, recorded", True)]


def products():
    sizes = [(n, n, n) for n in (64, 128, 512, 1024, 2048)]
    sizes += [(64, 128, 784), (64, 10, 128), (32, 512, 512), (64, 4096, 1024), (256, 3072, 768)]

    def case(m, n, k):
        return forward(f"GEMM {m}x{n}x{k}", "gemm", 0.9, "gemm",
                       lambda: {"a": normal(m, k), "b": normal(k, n) / math.sqrt(k)},
                       lambda t: torch.mm(t["a"], t["b"]))

    def bfloat16(m, n, k):
        return forward(f"GEMM {m}x{n}x{k}, bfloat16", "gemm bfloat16", 0.9, "gemm_bfloat16",
                       lambda: {"a": normal(m, k).bfloat16(), "b": (normal(k, n) / math.sqrt(k)).bfloat16()},
                       lambda t: torch.mm(t["a"], t["b"]), tolerance=TOLERANCE_BFLOAT16)

    return [case(*s) for s in sizes] + [bfloat16(512, 512, 512), bfloat16(64, 128, 784)]


def convolution(n, c, size, out, kernel, stride, padding, groups=1):
    name = f"conv {n}x{c}x{size}x{size}, {kernel}x{kernel}" + (f" s{stride}" if stride > 1 else "")
    name += f" -> {out}" + (" depthwise" if groups > 1 else "")
    settings = {"stride": str(stride), "padding": str(padding), "groups": str(groups)}

    def f(t):
        return F.conv2d(t["x"], t["w"], None, stride, padding, 1, groups)

    def data():
        return {"x": normal(n, c, size, size),
                "w": normal(out, c // groups, kernel, kernel) / math.sqrt(c // groups * kernel * kernel)}

    def gradient(of):
        def inputs():
            t = data()
            return t | {"g": normal(*f(t).shape)}

        def variant(tensors, _, nhwc):
            t = own(tensors, nhwc)
            t[of].requires_grad_()
            y = f(t)

            def run():
                return torch.autograd.grad(y, t[of], t["g"], retain_graph=True)[0]

            return Variant(run, lambda: {"d." + of: run()})

        def variants(tensors):
            return layouts(lambda compiled, nhwc: variant(tensors, compiled, nhwc), True, compiled=False)

        return Case(f"{name}, d{of}", "conv gradients", 0.8, "conv_gradient", inputs, variants, settings | {"of": of})

    return [forward(f"{name}, forward", "conv forward", 0.8, "conv_forward", data, f, settings, channels_last=True),
            gradient("x"), gradient("w")]


def convolutions():
    return [*convolution(8, 64, 56, 64, 3, 1, 1), *convolution(8, 256, 14, 256, 3, 1, 1),
            *convolution(8, 64, 56, 256, 1, 1, 0), *convolution(8, 3, 224, 64, 7, 2, 3),
            *convolution(64, 1, 28, 6, 5, 1, 2), *convolution(8, 64, 56, 64, 3, 1, 1, groups=64)]


def all_cases():
    return [*training_steps(), *growth(), *layers(), *pointwise(), *small(), *products(), *convolutions()]
