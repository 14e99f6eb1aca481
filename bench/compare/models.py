# SPDX-License-Identifier: MIT
"""The cases of models.cpp: networks that people know, with layers of the same names."""
import torch
from torch import nn
from torch.nn import functional as F

import cases
from cases import Named, classified, fitted, labelled, normal, training


def same(n, x):
    return x


def convolution(size_in, size_out, kernel, stride=1, groups=1):
    return nn.Conv2d(size_in, size_out, kernel, stride, kernel // 2, groups=groups, bias=False)


def basic_block(size_in, out, stride=1):
    shortcut = Named(same)
    if stride != 1 or size_in != out:
        shortcut = Named(lambda n, x: n.norm(n.conv(x)), conv=convolution(size_in, out, 1, stride), norm=nn.BatchNorm2d(out))
    return Named(lambda n, x: F.relu(n.norm2(n.conv2(F.relu(n.norm1(n.conv1(x))))) + n.shortcut(x)),
                 conv1=convolution(size_in, out, 3, stride), norm1=nn.BatchNorm2d(out), conv2=convolution(out, out, 3),
                 norm2=nn.BatchNorm2d(out), shortcut=shortcut)


def resnet18(large):
    blocks = {f"block{i + 1}": basic_block(*s) for i, s in enumerate(
        [(64, 64), (64, 64), (64, 128, 2), (128, 128), (128, 256, 2), (256, 256), (256, 512, 2), (512, 512)])}

    def forward(n, x):
        x = F.relu(n.norm(n.conv(x)))
        if large:
            x = F.max_pool2d(x, 3, 2, 1)
        for name in blocks:
            x = getattr(n, name)(x)
        return n.fc(x.mean((2, 3)))

    net = Named(forward, conv=convolution(3, 64, 7 if large else 3, 2 if large else 1), norm=nn.BatchNorm2d(64), **blocks,
                fc=nn.Linear(512, 10))
    for module in net.modules():  # a bias that starts at zero would be compared with what three steps make of it
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.1)
    return net


def inverted(size_in, out, stride=1, widen=True):
    wide = 6 * size_in if widen else size_in
    expand = Named(same)
    if widen:
        expand = Named(lambda n, x: F.relu6(n.norm(n.conv(x))), conv=convolution(size_in, wide, 1), norm=nn.BatchNorm2d(wide))

    def forward(n, x):
        y = n.norm2(n.project(F.relu6(n.norm(n.conv(n.expand(x))))))
        return x + y if stride == 1 and size_in == out else y

    return Named(forward, expand=expand, conv=convolution(wide, wide, 3, stride, wide), norm=nn.BatchNorm2d(wide),
                 project=convolution(wide, out, 1), norm2=nn.BatchNorm2d(out))


def mobilenet_v2():
    sizes = {"a": [(16, 24, 2), (24, 24)], "b": [(24, 32, 2), (32, 32), (32, 32)],
             "c": [(32, 64, 2), (64, 64), (64, 64), (64, 64)], "d": [(64, 96), (96, 96), (96, 96)],
             "e": [(96, 160, 2), (160, 160), (160, 160)], "f": [(160, 320)]}
    blocks = {f"{stage}{i + 1}": inverted(*s) for stage, some in sizes.items() for i, s in enumerate(some)}

    def forward(n, x):
        x = n.first(F.relu6(n.norm(n.conv(x))))
        for name in blocks:
            x = getattr(n, name)(x)
        return n.fc(F.relu6(n.norm2(n.last(x))).mean((2, 3)))

    return Named(forward, conv=convolution(3, 32, 3, 2), norm=nn.BatchNorm2d(32), first=inverted(32, 16, widen=False), **blocks,
                 last=convolution(320, 1280, 1), norm2=nn.BatchNorm2d(1280), fc=nn.Linear(1280, 1000))


def used():
    """A network that has seen data: its running statistics are those of a batch."""
    net = mobilenet_v2()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net(normal(8, 3, 96, 96))
    return net.eval()


def inference(make, data, name, kind):
    def inputs():
        return data() | {"net." + k: v for k, v in make().state_dict().items()}

    def variant(tensors, compiled, nhwc):
        net = make()
        net.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("net.")})
        x = tensors["x"]
        if nhwc:
            net, x = net.to(memory_format=torch.channels_last), cases.last(x)
        call = torch.compile(net) if compiled else net
        with torch.inference_mode():
            results = {"y": call(x).clone()}
        return cases.Variant(lambda: call(x), lambda: results, inference=True)

    return cases.Case(name, "inference", None, kind, inputs,
                      lambda t: cases.layouts(lambda compiled, nhwc: variant(t, compiled, nhwc), True))


def all_models():
    adam, sgd = torch.optim.Adam, torch.optim.SGD
    return [
        training(lambda: resnet18(True), classified, sgd, labelled(8, 3, 224, 224), "ResNet-18, 8x3x224x224, SGD", "models", 1.1,
                 "resnet18", channels_last=True),
        training(lambda: resnet18(False), classified, sgd, labelled(32, 3, 32, 32), "ResNet-18, 32x3x32x32, SGD", "models", 1.1,
                 "small_resnet18", channels_last=True),
        training(lambda: cases.block(768, 12), fitted, adam, lambda: {"x": normal(1, 512, 768), "target": normal(1, 512, 768)},
                 "GPT-2-small block, 512 tokens, Adam", "models", None, "gpt2_block"),
        inference(used, lambda: {"x": normal(1, 3, 224, 224)}, "MobileNetV2 in use, 1x3x224x224", "mobilenet_v2"),
    ]
