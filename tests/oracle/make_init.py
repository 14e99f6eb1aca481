# SPDX-License-Identifier: MIT
"""init.safetensors: gains, fans and bounds, and the initialisations without chance."""

from golden import Golden, math, nn, torch

g = Golden("init")
init = nn.init

for name in ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
             "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
    g.put(f"gain.{name}", "y", init.calculate_gain(name))
    g.note(f"gain.{name}", f"calculate_gain('{name}')")
for label, slope in (("0_25", 0.25), ("sqrt_5", math.sqrt(5)), ("0", 0), ("1", 1)):
    g.put(f"gain.leaky_relu_{label}", "y", init.calculate_gain("leaky_relu", slope))
    g.note(f"gain.leaky_relu_{label}", f"calculate_gain('leaky_relu', {slope})")

for label, shape in (("linear", (5, 4)), ("conv1d", (6, 3, 5)), ("conv2d", (8, 3, 5, 2)), ("conv3d", (4, 3, 2, 3, 2))):
    weight = torch.zeros(shape)
    fan_in, fan_out = init._calculate_fan_in_and_fan_out(weight)
    name = f"fan.{label}"
    g.put(name, "shape", torch.tensor(shape))
    g.put(name, "fan_in", fan_in)
    g.put(name, "fan_out", fan_out)
    g.note(name, "fans of a weight of this shape")

EYE = {"square": (3, 3), "wide": (2, 4), "tall": (4, 2)}
for label, shape in EYE.items():
    g.put(f"eye.{label}", "y", init.eye_(torch.empty(shape)))
    g.note(f"eye.{label}", "eye_")
for label, shape, groups in (("conv1d", (3, 3, 3), 1), ("conv2d", (2, 3, 3, 3), 1),
                             ("conv2d_more_out", (4, 2, 3, 2), 1), ("conv2d_even", (2, 2, 4, 4), 1),
                             ("conv3d", (2, 2, 3, 1, 3), 1),
                             ("conv2d_groups_2", (4, 3, 3, 3), 2), ("conv1d_groups_3", (6, 2, 3), 3)):
    name = f"dirac.{label}"
    g.put(name, "y", init.dirac_(torch.empty(shape), groups))
    g.args(name, groups=groups)
    g.note(name, f"dirac_(groups={groups})")
g.put("constant", "y", init.constant_(torch.empty(2, 3), 0.25))
g.note("constant", "constant_(0.25)")

g.save()
