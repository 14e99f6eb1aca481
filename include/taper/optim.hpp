// SPDX-License-Identifier: MIT
// Optimizers and learning-rate schedulers.
#pragma once

#include <taper/optim/adagrad.hpp>
#include <taper/optim/adam.hpp>
#include <taper/optim/lr_scheduler.hpp>
#include <taper/optim/lr_scheduler/cosine_annealing_lr.hpp>
#include <taper/optim/lr_scheduler/cyclic_lr.hpp>
#include <taper/optim/lr_scheduler/lambda_lr.hpp>
#include <taper/optim/lr_scheduler/linear_lr.hpp>
#include <taper/optim/lr_scheduler/momentum.hpp>
#include <taper/optim/lr_scheduler/one_cycle_lr.hpp>
#include <taper/optim/lr_scheduler/reduce_lr_on_plateau.hpp>
#include <taper/optim/lr_scheduler/scheduler.hpp>
#include <taper/optim/lr_scheduler/sequential_lr.hpp>
#include <taper/optim/lr_scheduler/step_lr.hpp>
#include <taper/optim/optimizer.hpp>
#include <taper/optim/rmsprop.hpp>
#include <taper/optim/sgd.hpp>
#include <taper/optim/state.hpp>
