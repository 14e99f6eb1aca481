# SPDX-License-Identifier: MIT
"""net.safetensors: a small CNN's state_dict as PyTorch saves it; net_io.safetensors: an input and its outputs."""

from golden import FOLDER, Draw, Golden, nn, seed_of, torch
from net import Net
from safetensors.torch import save_file

torch.manual_seed(seed_of("net"))
net = Net()
draw = Draw("net")
for _ in range(3):
    net(draw.normal((8, 1, 8, 8)).float())  # running statistics that are not the initial ones
net.eval()

state = {key: value.contiguous() for key, value in net.state_dict().items()}
FOLDER.mkdir(parents=True, exist_ok=True)
path = FOLDER / "net.safetensors"
save_file(state, path)
path.chmod(0o644)

x = draw.normal((4, 1, 8, 8))
g = Golden("net_io")
g.put("float", "x", x, exact=True)
g.put("float", "y", net(x.float()), exact=True)
g.put("double", "x", x, exact=True)
g.put("double", "y", net.double()(x))
for case in ("float", "double"):
    g.note(case, f"net.safetensors in eval mode, computed in {case}")
g.save()
