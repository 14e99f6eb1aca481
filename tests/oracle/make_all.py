# SPDX-License-Identifier: MIT
"""Makes every golden file; with --check makes them in a scratch folder and compares with the committed ones."""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COMMITTED = HERE.parent / "golden"


def make(folder):
    for script in sorted(HERE.glob("make_*.py")):
        if script.name != "make_all.py":
            subprocess.run([sys.executable, script], check=True, env={**os.environ, "GOLDEN_DIR": str(folder)})


def differences(fresh):
    import numpy as np
    from safetensors.numpy import load_file

    names = {p.name for folder in (fresh, COMMITTED) for p in folder.iterdir()}
    for name in sorted(names):
        a, b = fresh / name, COMMITTED / name
        if not (a.exists() and b.exists()):
            yield f"{name}: only {'made' if a.exists() else 'committed'}"
        elif a.read_bytes() == b.read_bytes():
            continue
        elif a.suffix != ".safetensors":
            yield f"{name}: text differs"
        else:
            x, y = load_file(a), load_file(b)
            for key in sorted(x.keys() ^ y.keys()):
                yield f"{name}: {key} is in one of them only"
            for key in sorted(x.keys() & y.keys()):
                # Another processor's math library may round the last bits differently.
                if x[key].shape != y[key].shape or not np.allclose(x[key], y[key], 1e-12, 1e-13, equal_nan=True):
                    yield f"{name}: {key} differs"


if sys.argv[1:] == ["--check"]:
    with tempfile.TemporaryDirectory() as scratch:
        make(pathlib.Path(scratch))
        found = list(differences(pathlib.Path(scratch)))
    print("\n".join(found) or "the golden files are as the scripts make them")
    sys.exit(bool(found))
make(COMMITTED)
