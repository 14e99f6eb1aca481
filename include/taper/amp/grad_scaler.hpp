// SPDX-License-Identifier: MIT
// GradScaler: losses scaled up so that 16-bit gradients do not vanish, steps skipped where they overflow.
#pragma once

#include <taper/nn/clip.hpp>
#include <taper/optim/optimizer.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Counts elements that are infinite or NaN.
struct CountNonFinite {
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V sum, V x) const { return sum + select(math::isfinite(x), V(0), V(1)); }
  TAPER_HD static double join(double a, double b) { return a + b; }
};

}  // namespace detail

namespace amp {

struct GradScalerOptions {
  double init_scale = 65536;
  double growth_factor = 2, backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;
  bool enabled = true;
};

/// scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update();
/// float16 needs it, bfloat16 does not: its exponents are float's.
/// Source: PyTorch's torch.amp.GradScaler; Micikevicius et al., Mixed Precision Training, 2018.
class GradScaler {
 public:
  /// Throws: ValueError for a scale or factors that would not move the scale as they should.
  explicit GradScaler(const GradScalerOptions& options = {}) : options_(options), scale_(options.init_scale) {
    if (!(options.init_scale > 0) || !(options.growth_factor > 1) || !(options.backoff_factor > 0 && options.backoff_factor < 1) ||
        options.growth_interval < 1)
      detail::raise<ValueError>("GradScaler", "init_scale must be positive, growth_factor above 1, backoff_factor between 0 and 1 and "
                                              "growth_interval at least 1");
  }

  /// loss times the scale.
  template <TensorLike X>
  tensor_t<X> scale(X&& loss) const {
    if (!options_.enabled) return eval(std::forward<X>(loss));
    return tensor_t<X>(std::forward<X>(loss) * scale_);
  }
  /// Divides the gradients of an optimizer's parameters by the scale, for clipping between backward and step.
  /// Throws: ValueError for an optimizer that was unscaled or stepped since the last update().
  template <class O>
  void unscale_(O& optimizer) {
    if (!options_.enabled) return;
    PerOptimizer& state = state_of(&optimizer);
    if (state.stage == Stage::unscaled) detail::raise<ValueError>("unscale_", "the gradients were unscaled already: call update() after step()");
    if (state.stage == Stage::stepped) detail::raise<ValueError>("unscale_", "the optimizer has stepped: call unscale_() before step()");
    const auto refs = optimizer.parameters();
    state.found_inf = detail::fold_all(refs, true, detail::CountNonFinite{}) > 0;
    if (!state.found_inf) detail::change_gradients(refs, detail::ScaleBy{1 / scale_});
    state.stage = Stage::unscaled;
  }
  /// optimizer.step() with unscaled gradients; skipped where one of them is infinite or NaN. Returns whether it stepped.
  /// Several optimizers step before one update(), each as its own gradients allow.
  /// Throws: ValueError for an optimizer that has stepped since the last update().
  template <class O>
  bool step(O& optimizer) {
    if (!options_.enabled) {
      optimizer.step();
      return true;
    }
    PerOptimizer& state = state_of(&optimizer);
    if (state.stage == Stage::stepped) detail::raise<ValueError>("step", "the optimizer has stepped already: call update() after step()");
    if (state.stage == Stage::ready) unscale_(optimizer);
    if (!state.found_inf) optimizer.step();
    state.stage = Stage::stepped;
    return !state.found_inf;
  }
  /// Moves the scale: down after an overflow in any optimizer, up after growth_interval calls without one.
  void update() {
    if (!options_.enabled) return;
    if (std::any_of(optimizers_.begin(), optimizers_.end(), [](const PerOptimizer& o) { return o.found_inf; })) {
      scale_ *= options_.backoff_factor;
      good_steps_ = 0;
    } else if (++good_steps_ >= options_.growth_interval) {  // a loaded count may be past it
      scale_ *= options_.growth_factor;
      good_steps_ = 0;
    }
    optimizers_.clear();
  }
  double get_scale() const { return options_.enabled ? scale_ : 1; }
  bool is_enabled() const { return options_.enabled; }

  /// "scale" and "_growth_tracker", as PyTorch names them.
  StateDict state_dict() const {
    StateDict out;
    out.set("scale", AnyTensor(tensor<double>(scale_)));
    out.set("_growth_tracker", AnyTensor(tensor<std::int64_t>(good_steps_)));
    return out;
  }
  void load_state_dict(const StateDict& state) {
    const auto read = [&]<class T>(const char* name, T) {
      const AnyTensor* found = state.find(name);
      if (!found) detail::raise<StateError>("GradScaler", "the state has no '", name, "'");
      return found->template as<T>().item();
    };
    const double scale = read("scale", 0.0);
    good_steps_ = read("_growth_tracker", std::int64_t{0});
    scale_ = scale;
  }

 private:
  enum class Stage : std::uint8_t { ready, unscaled, stepped };
  struct PerOptimizer {
    const void* optimizer;
    Stage stage = Stage::ready;
    bool found_inf = false;
  };
  PerOptimizer& state_of(const void* optimizer) {
    for (PerOptimizer& o : optimizers_)
      if (o.optimizer == optimizer) return o;
    return optimizers_.emplace_back(optimizer);
  }

  GradScalerOptions options_;
  double scale_;
  std::int64_t good_steps_ = 0;
  detail::PoolVector<PerOptimizer> optimizers_;  // those met since the last update()
};

}  // namespace amp

}  // namespace taper::inline TAPER_CODE
