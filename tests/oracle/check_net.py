# SPDX-License-Identifier: MIT
"""Loads a Net saved by Taper into PyTorch, strictly, and compares its outputs: check_net.py FILE [IO_FILE].

FILE holds the state_dict; IO_FILE (default: the committed net_io.safetensors) holds float/x and float/y.
"""

import sys

from golden import FOLDER, torch
from net import Net
from safetensors.torch import load_file

net = Net()
net.load_state_dict(load_file(sys.argv[1]), strict=True)
io = load_file(sys.argv[2] if len(sys.argv) > 2 else FOLDER / "net_io.safetensors")
y = net.eval()(io["float/x"].float())
error = (y.double() - io["float/y"].double()).abs().max().item()
print(f"largest difference {error:.3g}")
sys.exit(0 if torch.allclose(y.double(), io["float/y"].double(), rtol=1e-5, atol=1e-6) else 1)
