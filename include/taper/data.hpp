// SPDX-License-Identifier: MIT
// Datasets, samplers, collation, DataLoader.
#pragma once

#include <taper/data/collate.hpp>
#include <taper/data/data_loader.hpp>
#include <taper/data/dataset.hpp>
#include <taper/data/datasets/mnist.hpp>
#include <taper/data/on_device.hpp>
#include <taper/data/sampler.hpp>
