# SPDX-License-Identifier: MIT
"""interpolate.safetensors: interpolate in every mode, pixel_shuffle and its inverse."""

from golden import Draw, Golden

g = Golden("interpolate")
MODES = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,),
         "bicubic": (2,), "area": (1, 2, 3)}
SHAPES = {1: (2, 2, 7), 2: (1, 2, 5, 6), 3: (1, 1, 3, 4, 5)}


def simple(name, expression, shape):
    g.case(name, expression, x=Draw(name).distinct(shape))


for mode, ranks in MODES.items():
    aligns = (False, True) if "linear" in mode or mode == "bicubic" else (None,)
    for rank in ranks:
        # fraction and recomputed differ in the positions alone. No size stays or doubles by rounding: PyTorch's gradient
        # of nearest is then not the transpose of what it does forward.
        options = {"twice": "scale_factor=2", "half": "scale_factor=0.5", "larger": f"size={(8, 3, 6)[:rank]}",
                   "smaller": f"size={(3, 2, 2)[:rank]}", "fraction": "scale_factor=1.45",
                   "recomputed": "scale_factor=1.45, recompute_scale_factor=True", "same": f"size={SHAPES[rank][2:]}",
                   "uneven": f"scale_factor={(2.5, 0.6, 1.7)[:rank]}", "one": "size=1"}
        for label, given in options.items():
            for aligned in aligns:
                simple(f"{mode}_{rank}d.{label}" + (".aligned" if aligned else ""),
                       f"F.interpolate(x, {given}, mode='{mode}', align_corners={aligned})", SHAPES[rank])
simple("bilinear_2d.wide", "F.interpolate(x, scale_factor=2, mode='bilinear')", (1, 1, 9, 37))
simple("bicubic_2d.wide", "F.interpolate(x, size=(20, 21), mode='bicubic')", (1, 1, 9, 37))
simple("pixel_shuffle.batch", "F.pixel_shuffle(x, 2)", (2, 8, 3, 2))
simple("pixel_shuffle.unbatched", "F.pixel_shuffle(x, 3)", (9, 2, 3))
simple("pixel_unshuffle.batch", "F.pixel_unshuffle(x, 2)", (2, 2, 4, 6))

g.save()
