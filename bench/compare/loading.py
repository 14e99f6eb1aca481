# SPDX-License-Identifier: MIT
"""The cases of loading.cpp: an epoch of a DataLoader with two workers, which PyTorch keeps between epochs."""
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import cases


class Samples(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def loading(name, kind, make):
    def inputs():
        return {"x": cases.normal(20000, 784), "y": torch.randint(0, 10, (20000,))}

    def variant(tensors):
        loader = DataLoader(make(tensors["x"], tensors["y"]), 64, shuffle=True, num_workers=2, persistent_workers=True)

        def epoch():
            return sum(int(y.sum()) for _, y in loader)

        return cases.Variant(epoch, lambda: {"labels": torch.tensor(epoch())})

    return cases.Case(name, "data", 4, kind, inputs, lambda t: {"eager": lambda: variant(t)})


def all_loaders():
    return [loading("DataLoader, a dataset of samples, 784 floats, batch 64, 2 workers", "load_samples", Samples),
            loading("DataLoader, tensors, 784 floats, batch 64, 2 workers", "load_tensors", TensorDataset)]
