# SPDX-License-Identifier: MIT
"""layers.safetensors: layers with their state, values and gradients of inputs and parameters."""

from golden import Draw, Golden, NAMES, nn, seed_of, torch

g = Golden("layers")


def build(name, expression, randomise=False):
    """The layer with PyTorch's default initialisation, in double, exact in float32."""
    torch.manual_seed(seed_of(name))
    module = eval(expression, NAMES)
    draw = Draw(name + "/state")
    with torch.no_grad():
        for key, value in module.state_dict().items():
            # Norms start as ones and zeros, which would hide a mistake.
            if randomise and value.is_floating_point():
                value.copy_(draw.uniform(tuple(value.shape), 0.5, 2) if "weight" in key or "var" in key
                            else draw.uniform(tuple(value.shape), -1, 1))
    return module.double()


def put_state(name, module, folder="state"):
    for key, value in module.state_dict().items():
        g.put(name, f"{folder}/{key}", value, exact=folder == "state")


def run(name, module, inputs, outputs, prefix=""):
    """Forward and backward: inputs, outputs, upstream gradients, gradients of inputs and parameters."""
    draw = Draw(name + prefix + "/gy")
    module.zero_grad()
    flat = [t.clone().requires_grad_(t.is_floating_point()) for t in inputs.values()]
    # Recurrent layers take their initial state as one argument: h0, or (h0, c0).
    if len(flat) == 3:
        result = module(flat[0], (flat[1], flat[2]))
    else:
        result = module(*flat)
    ys = []
    for r in result if isinstance(result, tuple) else (result,):
        ys += r if isinstance(r, tuple) else [r]
    gys = [draw.normal(tuple(y.shape)) if y.requires_grad else None for y in ys]
    for key, value in inputs.items():
        g.put(name, prefix + key, value, exact=True)
    for key, y, gy in zip(outputs, ys, gys, strict=True):
        g.put(name, prefix + key, y)
        if gy is not None:
            g.put(name, f"{prefix}g{key}", gy, exact=True)
    roots = [(y, gy) for y, gy in zip(ys, gys) if gy is not None]
    if roots:
        torch.autograd.backward([y for y, _ in roots], [gy for _, gy in roots])
    for key, t in zip(inputs, flat):
        if t.grad is not None:
            g.put(name, f"{prefix}g{key}", t.grad)
    for key, p in module.named_parameters():
        if p.grad is not None:
            g.put(name, f"{prefix}grad/{key}", p.grad)


def layer(name, expression, x, randomise=False, evaluate=False, outputs=("y",)):
    module = build(name, expression, randomise)
    if evaluate:
        module.eval()
    x = x if isinstance(x, torch.Tensor) else Draw(name).distinct(x)
    put_state(name, module)
    run(name, module, {"x": x}, outputs)
    g.note(name, expression + (" in eval mode" if evaluate else ""))


layer("linear", "nn.Linear(4, 5)", (3, 4))
layer("linear.no_bias", "nn.Linear(4, 5, bias=False)", (3, 4))
layer("linear.3d", "nn.Linear(4, 5)", (2, 3, 4))
layer("linear.1d", "nn.Linear(4, 5)", (4,))
layer("conv1d", "nn.Conv1d(3, 4, 3)", (2, 3, 8))
layer("conv1d.options", "nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False)", (2, 4, 9))
layer("conv2d", "nn.Conv2d(3, 4, 3)", (2, 3, 5, 6))
layer("conv2d.options", "nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)",
      (2, 4, 6, 5))
layer("conv2d.no_bias", "nn.Conv2d(2, 3, 3, padding=1, bias=False)", (2, 2, 4, 4))
layer("conv2d.same", "nn.Conv2d(2, 3, 3, padding='same')", (1, 2, 4, 5))
for mode in ("reflect", "replicate", "circular"):
    layer(f"conv2d.{mode}", f"nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode='{mode}')", (1, 2, 5, 6))
layer("conv_transpose2d", "nn.ConvTranspose2d(3, 2, 3)", (2, 3, 4, 3))
layer("conv_transpose2d.options", "nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, "
      "bias=False, dilation=2)", (2, 4, 4, 3))
layer("max_pool1d", "nn.MaxPool1d(2)", (2, 3, 7))
layer("max_pool2d", "nn.MaxPool2d(2)", (2, 3, 6, 7))
layer("max_pool2d.options", "nn.MaxPool2d(3, stride=2, padding=1, dilation=1, ceil_mode=True)", (2, 3, 6, 7))
layer("avg_pool1d", "nn.AvgPool1d(2)", (2, 3, 7))
layer("avg_pool2d", "nn.AvgPool2d(2)", (2, 3, 6, 7))
layer("avg_pool2d.options", "nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)",
      (2, 3, 6, 7))
layer("adaptive_avg_pool1d", "nn.AdaptiveAvgPool1d(3)", (2, 3, 7))
layer("adaptive_avg_pool2d", "nn.AdaptiveAvgPool2d((3, 2))", (2, 3, 6, 7))
layer("adaptive_max_pool1d", "nn.AdaptiveMaxPool1d(3)", (2, 3, 7))
layer("adaptive_max_pool2d", "nn.AdaptiveMaxPool2d((3, 2))", (2, 3, 6, 7))
layer("layer_norm", "nn.LayerNorm(5)", (2, 3, 5), randomise=True)
layer("layer_norm.two", "nn.LayerNorm((3, 5), eps=0.125)", (2, 3, 5), randomise=True)
layer("layer_norm.plain", "nn.LayerNorm(5, elementwise_affine=False)", (2, 3, 5))
layer("layer_norm.no_bias", "nn.LayerNorm(5, bias=False)", (2, 3, 5), randomise=True)
layer("dropout.eval", "nn.Dropout(0.5)", (3, 4), evaluate=True)
layer("dropout.p_0", "nn.Dropout(0.0)", (3, 4))
layer("flatten", "nn.Flatten()", (2, 3, 4))
layer("flatten.dims", "nn.Flatten(0, 1)", (2, 3, 4))
layer("unflatten", "nn.Unflatten(1, (2, 3))", (2, 6))
layer("identity", "nn.Identity()", (2, 3))
INDEX = torch.tensor([[1, 4, 1], [0, 5, 2]])
layer("embedding", "nn.Embedding(6, 3)", INDEX)
layer("embedding.padding_idx", "nn.Embedding(6, 3, padding_idx=1)", INDEX)

for expression in ("ELU()", "ELU(0.5)", "CELU(0.5)", "SELU()", "GELU()", "GELU(approximate='tanh')", "Hardshrink()",
                   "Hardsigmoid()", "Hardtanh(-2.0, 0.5)", "Hardswish()", "LeakyReLU(0.25)", "LogSigmoid()", "PReLU()",
                   "PReLU(3, init=0.125)", "ReLU()", "ReLU6()", "Sigmoid()", "SiLU()", "Mish()", "Softplus(2.0, 5.0)",
                   "Softshrink(0.75)", "Softsign()", "Tanh()", "Tanhshrink()", "Threshold(0.5, 20.0)", "GLU()",
                   "Softmin(dim=1)", "Softmax(dim=1)", "LogSoftmax(dim=1)"):
    label = "".join(c if c.isalnum() else "_" for c in expression.lower()).strip("_")
    layer(f"activation.{label}", f"nn.{expression}", (2, 3, 4))

layer("activation.softmax2d", "nn.Softmax2d()", (2, 3, 2, 4))
layer("activation.softmax2d.unbatched", "nn.Softmax2d()", (3, 2, 4))
layer("sequential", "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))", (2, 4))
layer("sequential.nested", "nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()), "
      "nn.Flatten(), nn.Linear(8, 3))", (3, 1, 4, 4), randomise=True)


def batch_norm(name, expression, shape):
    """Three training steps from state/, the state after them, then evaluation; gradients of step 0 and of eval."""
    module = build(name, expression, randomise=True)
    put_state(name, module)
    draw = Draw(name)
    xs, ys = [draw.distinct(shape) * (step + 1) for step in range(3)], []
    run(name, module, {"x": xs[0]}, ("y",))
    for x in xs[1:]:
        ys.append(module(x))
    g.put(name, "x_next", torch.stack(xs[1:]), exact=True)
    g.put(name, "y_next", torch.stack(ys))
    put_state(name, module, "after")
    module.eval()
    run(name, module, {"x": draw.distinct(shape)}, ("y",), prefix="eval_")
    g.note(name, expression + ": x; then the two batches x_next; state after/; then eval_x")


batch_norm("batch_norm1d", "nn.BatchNorm1d(3)", (5, 3))
batch_norm("batch_norm1d.3d", "nn.BatchNorm1d(3, momentum=0.25)", (4, 3, 5))
batch_norm("batch_norm2d", "nn.BatchNorm2d(3)", (2, 3, 4, 3))
batch_norm("batch_norm2d.cumulative", "nn.BatchNorm2d(3, momentum=None)", (2, 3, 4, 3))
batch_norm("batch_norm2d.plain", "nn.BatchNorm2d(3, affine=False)", (2, 3, 4, 3))
batch_norm("batch_norm2d.no_stats", "nn.BatchNorm2d(3, track_running_stats=False)", (2, 3, 4, 3))
batch_norm("batch_norm2d.eps", "nn.BatchNorm2d(3, eps=0.125)", (2, 3, 4, 3))

# Recurrent layers: x, h0 (and c0) to y, hn (and cn).
OPTIONS = {
    "plain": {},
    "layers": {"num_layers": 2},
    "bidirectional": {"bidirectional": True},
    "batch_first": {"batch_first": True},
    "no_bias": {"bias": False},
    "layers_bidirectional": {"num_layers": 2, "bidirectional": True},
    "everything": {"num_layers": 2, "bidirectional": True, "batch_first": True, "bias": False},
    "dropout_eval": {"num_layers": 2, "dropout": 0.5},
    "zero_state": {},
    "unbatched": {"num_layers": 2, "bidirectional": True},
    "one_step": {},
}
SIZE, HIDDEN, STEPS, BATCH = 3, 4, 5, 2


def recurrent(kind, label, options):
    name = f"{kind.lower()}.{label}"
    expression = f"nn.{kind}({SIZE}, {HIDDEN}" + "".join(f", {k}={v!r}" for k, v in options.items()) + ")"
    module = build(name, expression)
    if "dropout" in options:
        module.eval()
    put_state(name, module)
    draw = Draw(name)
    steps = 1 if label == "one_step" else STEPS
    x = draw.normal((BATCH, steps, SIZE) if options.get("batch_first") else (steps, BATCH, SIZE))
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    inputs = {"x": x, "h0": draw.normal((rows, BATCH, options.get("proj_size", HIDDEN)))}
    if kind == "LSTM":
        inputs["c0"] = draw.normal((rows, BATCH, HIDDEN))
    if label == "unbatched":
        inputs = {k: v[:, 0].contiguous() for k, v in inputs.items()}
    if label == "zero_state":
        inputs = {"x": x}
    run(name, module, inputs, ("y", "hn", "cn") if kind == "LSTM" else ("y", "hn"))
    g.note(name, expression + (" in eval mode" if "dropout" in options else ""))


for kind in ("RNN", "LSTM", "GRU"):
    for label, options in OPTIONS.items():
        recurrent(kind, label, options)
recurrent("RNN", "relu", {"nonlinearity": "relu"})
recurrent("RNN", "relu_everything", {"nonlinearity": "relu", **OPTIONS["everything"]})
recurrent("LSTM", "projection", {"proj_size": 2})
recurrent("LSTM", "projection_everything", {"proj_size": 2, **OPTIONS["everything"]})

for kind, options, label in (("RNNCell", "", "plain"), ("RNNCell", ", nonlinearity='relu'", "relu"),
                             ("RNNCell", ", bias=False", "no_bias"), ("LSTMCell", "", "plain"),
                             ("LSTMCell", ", bias=False", "no_bias"), ("GRUCell", "", "plain"),
                             ("GRUCell", ", bias=False", "no_bias"), ("RNNCell", "", "unbatched"),
                             ("LSTMCell", "", "unbatched"), ("GRUCell", "", "unbatched"), ("RNNCell", "", "zero_state"),
                             ("LSTMCell", "", "zero_state"), ("GRUCell", "", "zero_state")):
    name = f"{kind[:-4].lower()}_cell.{label}"
    expression = f"nn.{kind}({SIZE}, {HIDDEN}{options})"
    module, draw = build(name, expression), Draw(name)
    put_state(name, module)
    inputs = {"x": draw.normal((BATCH, SIZE)), "h0": draw.normal((BATCH, HIDDEN))}
    if kind == "LSTMCell":
        inputs["c0"] = draw.normal((BATCH, HIDDEN))
    if label == "unbatched":
        inputs = {k: v[0] for k, v in inputs.items()}
    if label == "zero_state":
        inputs = {"x": inputs["x"]}
    run(name, module, inputs, ("hn", "cn") if kind == "LSTMCell" else ("hn",))
    g.note(name, expression)

g.save()
