// SPDX-License-Identifier: MIT
// Modules, layers, initialisation, state dictionaries.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/activation_gated.hpp>
#include <taper/nn/layers/activation_smooth.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/conv_transpose.hpp>
#include <taper/nn/layers/dropout.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/nn/layers/flatten.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/loss.hpp>
#include <taper/nn/layers/norm.hpp>
#include <taper/nn/layers/pool.hpp>
#include <taper/nn/layers/recurrent.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/layers/rnn_cell.hpp>
#include <taper/nn/layers/softmax.hpp>
#include <taper/nn/module.hpp>
#include <taper/nn/observe.hpp>
#include <taper/nn/parameter.hpp>
#include <taper/nn/parameters.hpp>
#include <taper/nn/reflect.hpp>
#include <taper/nn/reflect/aggregate.hpp>
#include <taper/nn/reflect/bind.hpp>
#include <taper/nn/reflect/count.hpp>
#include <taper/nn/reflect/fault.hpp>
#include <taper/nn/reflect/members.hpp>
#include <taper/nn/reflect/name.hpp>
#include <taper/nn/repr.hpp>
#include <taper/nn/save.hpp>
#include <taper/nn/sequential.hpp>
#include <taper/nn/state_dict.hpp>
