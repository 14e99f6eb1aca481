// SPDX-License-Identifier: MIT
// The Optimizer concept, and the one optimizer under all: a rule's formula run over every parameter of a group at once.
#pragma once

#include <taper/backend/lists.hpp>
#include <taper/nn/parameters.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/to.hpp>
#include <taper/optim/state.hpp>

#include <vector>

namespace taper::inline TAPER_CODE::optim {

/// What training loops and schedulers ask of an optimizer.
template <class O>
concept Optimizer = requires(O& o, const O& c, const StateDict& state) {
  o.step();
  o.zero_grad();
  { o.param_groups()[0].lr } -> std::convertible_to<double>;
  { c.state_dict() } -> std::same_as<StateDict>;
  o.load_state_dict(state);
};

namespace internal {
// Left incomplete: their names are the diagnostics.
struct error_an_optimizer_takes_parameters_of_a_net_not_the_net_itself;
struct error_options_are_written_in_braces_by_name_as_in_lr;
}  // namespace internal

// How an optimizer's type follows from its parameters, and what is refused by name.
#define TAPER_OPTIMIZER_GUIDES(Name, Options)                                                                   \
  template <class... P>                                                                                         \
  Name(const ParameterRefs<P...>&, const Options& = {}) -> Name<P...>;                                          \
  template <Scalar T, Device D>                                                                                 \
  Name(std::initializer_list<Tensor<T, D>>, const Options& = {}) -> Name<Tensor<T, D>>;                         \
  template <class M>                                                                                            \
  Name(const M&, const Options& = {}) -> Name<internal::error_an_optimizer_takes_parameters_of_a_net_not_the_net_itself>; \
  template <class... P, std::floating_point LR>                                                                 \
  Name(const ParameterRefs<P...>&, LR) -> Name<internal::error_options_are_written_in_braces_by_name_as_in_lr>;

inline constexpr int max_states = 4;

/// A parameter in an optimizer, and what its updates remember: tensors of its shape and a few numbers.
struct ParameterState {
  ParameterRef parameter;
  std::array<detail::RecordPtr, max_states> tensors;
  std::array<double, max_states> numbers{};
};

/// Parameters with options of their own. Options may be changed between steps: group.lr = 0.1.
template <class Options>
struct ParamGroup : Options {
  detail::PoolVector<ParameterState> params;
  std::optional<double> initial_lr;  // the rate that schedulers start from; set by the first of them
};

/// A rule says how one parameter is updated:
/// - Options: a plain struct whose first field is lr;  check(options) throws ValueError for bad ones;
/// - states, numbers: names of the tensors and numbers it keeps per parameter;
/// - keeps(options, i): whether state i exists;  initial(options, i): what it starts as;
/// - begin(options, numbers, fresh): the Update of one step, fresh where a state has just been made; it moves numbers on;
/// - Update: the formula, (V& parameter, V gradient, V& state...) over scalars and packs alike.
template <class R>
concept UpdateRule = requires(const typename R::Options& options, double* numbers) {
  R::name;
  R::check(options);
  { R::begin(options, numbers, true) } -> std::same_as<typename R::Update>;
  { R::keeps(options, 0) } -> std::same_as<bool>;
};

/// What every Update declares: the parameter and the states are written, the gradient is not.
struct UpdateBase {
  static constexpr std::uint32_t writes = ~std::uint32_t{2};
};

/// The optimizer that applies a rule to parameters whose types are among P. Neither copied nor moved: schedulers refer to it.
template <UpdateRule Rule, class... P>
class RuleOptimizer {
 public:
  using Options = typename Rule::Options;
  using Group = ParamGroup<Options>;

  /// Throws: ValueError for options out of range, no parameters, a parameter that is no leaf, or one given twice.
  explicit RuleOptimizer(const ParameterRefs<P...>& parameters, const Options& options = {}) : defaults_(options) {
    add_param_group(parameters, options);
  }
  RuleOptimizer(const RuleOptimizer&) = delete;
  RuleOptimizer& operator=(const RuleOptimizer&) = delete;

  /// Adds parameters with options of their own, or with those of the constructor.
  TAPER_RARE void add_param_group(const ParameterRefs<P...>& parameters, const Options& options) {
    Rule::check(options);
    if (parameters.empty()) detail::raise<ValueError>(Rule::name, "there are no parameters to optimize");
    Group group{options, {}, {}};
    for (const ParameterRef& ref : parameters) {
      check_parameter(ref, group);
      group.params.push_back({ref, {}, {}});
    }
    groups_.push_back(std::move(group));
  }
  void add_param_group(const ParameterRefs<P...>& parameters) { add_param_group(parameters, defaults_); }

  /// References to all parameters, in order.
  ParameterRefs<P...> parameters() const {
    ParameterRefs<P...> out;
    for (const Group& group : groups_)
      for (const ParameterState& p : group.params) out.add(p.parameter);
    return out;
  }

  std::vector<Group>& param_groups() { return groups_; }
  const std::vector<Group>& param_groups() const { return groups_; }
  /// The options of the constructor.
  const Options& defaults() const { return defaults_; }

  /// Drops all gradients, so that grad() is undefined; or writes zeros into them, which have no history.
  void zero_grad(bool set_to_none = true) {
    if constexpr (!inference_only) {
      for (Group& group : groups_)
        for (ParameterState& p : group.params) {
          autograd::Slot* slot = autograd::slot_of(*p.parameter.record);
          if (!slot || !slot->grad) continue;
          if (set_to_none) {
            slot->grad = {};
            continue;
          }
          if (autograd::wants_gradient(*slot->grad)) slot->grad = detail::make_alias(*slot->grad, detail::geometry_of(*slot->grad));
          slot->ops->set_zero(*slot->grad);
        }
    }
  }

  /// Updates every parameter that has a gradient: one pass for all parameters of a group and dtype.
  void step() {
    const NoGrad guard;
    if constexpr (!inference_only && (base::OneOfSeveral<device_t<P>> || ...)) check_devices();
    for (Group& group : groups_)
      for (std::size_t type = 0; type < sizeof...(P); ++type) step(group, type);
  }
  /// Calls the closure, which computes the loss and its gradients, then updates. Returns the loss.
  template <class Closure>
    requires std::invocable<Closure&>
  auto step(Closure&& closure) {
    const auto evaluate = [&] {
      const EnableGrad guard;
      return closure();
    };
    auto loss = evaluate();
    step();
    return loss;
  }

  /// All states and options: "state.<i>.<name>" with the parameters counted over all groups, "param_groups.<g>.<option>".
  /// The tensors share the optimizer's memory; those of another device are copies in host memory.
  TAPER_RARE StateDict state_dict() const {
    StateDict out;
    std::int64_t index = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::string prefix = detail::concat("param_groups.", g, ".");
      detail::for_each_field(static_cast<const Options&>(groups_[g]),
                             [&](std::string_view name, const auto& value) { internal::put(out, prefix + std::string(name), value); });
      internal::put(out, prefix + "initial_lr", groups_[g].initial_lr);
      std::vector<std::int64_t> indices;
      for (const ParameterState& p : groups_[g].params) {
        put_state(out, detail::concat("state.", index, "."), p);
        indices.push_back(index++);
      }
      internal::put(out, prefix + "params", indices);
    }
    return out;
  }

  /// Restores what state_dict() gave; tensors are copied, other floating dtypes are cast.
  /// Throws, before anything is changed: StateError where groups, parameters or shapes differ, or a parameter's state is there
  /// in part; ValueError for options out of range.
  TAPER_RARE void load_state_dict(const StateDict& state) {
    const NoGrad guard;
    std::vector<Group> loaded = groups_;
    std::size_t index = 0;
    for (std::size_t g = 0; g < loaded.size(); ++g) {
      const std::string prefix = detail::concat("param_groups.", g, ".");
      detail::for_each_field(static_cast<Options&>(loaded[g]),
                             [&](std::string_view name, auto& value) { internal::get(state, prefix + std::string(name), value); });
      Rule::check(loaded[g]);
      internal::get(state, prefix + "initial_lr", loaded[g].initial_lr);
      internal::numbers<std::int64_t>(state, prefix + "params", static_cast<std::int64_t>(loaded[g].params.size()));
      for (ParameterState& p : loaded[g].params) get_state(state, detail::concat("state.", index++, "."), loaded[g], p);
    }
    if (state.contains(detail::concat("param_groups.", loaded.size(), ".params")))
      detail::raise<StateError>(Rule::name, "the state has more parameter groups than this optimizer, which has ", loaded.size());
    groups_ = std::move(loaded);
  }

 private:
  /// To be called before a state is made or a step counted: what is on another GPU stays as it is.
  void check_devices() const {
    const std::int16_t here[] = {base::device_index<device_t<P>>()...};
    for (const Group& group : groups_)
      for (const ParameterState& p : group.params)
        if (const autograd::Slot* slot = autograd::slot_of(*p.parameter.record); slot && slot->grad)
          for (const detail::TensorRecord* r : {p.parameter.record.get(), slot->grad.get()}) base::check_on(here[p.parameter.type], Rule::name, *r);
  }

  using Update = typename Rule::Update;
  static constexpr int states = static_cast<int>(Rule::states.size());
  static constexpr int counters = static_cast<int>(Rule::numbers.size());
  static_assert(states <= max_states && counters <= max_states && states + 2 <= detail::max_list_operands);

  static constexpr void (*runs[])(const detail::ListJob&) = {&detail::run_list<Update, value_t<P>, device_t<P>, states + 2>...};
  static constexpr DType dtypes[] = {dtype_of<value_t<P>>...};

  TAPER_RARE void check_parameter(const ParameterRef& ref, const Group& group) const {
    const detail::TensorRecord* record = ref.record.get();
    const auto same = [record](const ParameterState& p) { return p.parameter.record.get() == record; };
    bool twice = std::any_of(group.params.begin(), group.params.end(), same);
    for (const Group& other : groups_) twice = twice || std::any_of(other.params.begin(), other.params.end(), same);
    if (twice) detail::raise<ValueError>(Rule::name, "the parameter '", ref.name, "' is given twice");
    if (detail::overlaps_itself(*record))
      detail::raise<ValueError>(Rule::name, "the elements of the parameter '", ref.name, "' share memory: clone it first");
    if constexpr (!inference_only)
      if (autograd::wants_gradient(*ref.record) && !autograd::slot_of(*record)->is_leaf())
        detail::raise<ValueError>(Rule::name, "the parameter '", ref.name, "' is no leaf: it is the result of an operation; give its inputs");
  }

  void step(Group& group, std::size_t type) {
    if constexpr (!inference_only) {
      tuples_.clear();
      updates_.clear();
      updates_.reserve(group.params.size());  // tuples point to them
      std::array<double, max_states> before{}, after{};
      bool was_fresh = false;
      for (ParameterState& p : group.params) {
        if (p.parameter.type != type) continue;
        detail::TensorRecord& record = *p.parameter.record;
        const autograd::Slot* slot = autograd::slot_of(record);
        if (!slot || !slot->grad) continue;
        detail::ListTuple tuple;
        tuple.operand[0] = &record;
        tuple.operand[1] = slot->grad.get();
        bool fresh = false;
        for (int i = 0; i < states; ++i) {
          if (!Rule::keeps(group, i)) continue;
          detail::RecordPtr& state = p.tensors[static_cast<std::size_t>(i)];
          if (!state) {
            state = slot->ops->full(record.shape, initial(group, i));
            fresh = true;
          }
          tuple.operand[2 + i] = state.get();
        }
        // Parameters that have come equally far share an update.
        if (updates_.empty() || fresh != was_fresh || p.numbers != before) {
          before = p.numbers;
          was_fresh = fresh;
          updates_.push_back(Rule::begin(group, p.numbers.data(), fresh));
          after = p.numbers;
        } else {
          p.numbers = after;
        }
        tuple.data = &updates_.back();
        tuples_.push_back(tuple);
      }
      runs[type]({dtypes[type], states + 2, Update::writes, tuples_.data(), static_cast<std::int64_t>(tuples_.size())});
    }
  }

  static double initial(const Options& options, int state) {
    if constexpr (requires { Rule::initial(options, state); }) return Rule::initial(options, state);
    else return 0;
  }

  static bool has_state(const ParameterState& p) {
    return std::any_of(p.tensors.begin(), p.tensors.end(), [](const auto& t) { return static_cast<bool>(t); }) ||
           p.numbers != std::array<double, max_states>{};
  }
  /// A state tensor of a parameter of the given type, in host memory.
  TAPER_RARE static detail::RecordPtr host_state(std::size_t type, const detail::RecordPtr& tensor) {
    detail::RecordPtr out = tensor;
    std::size_t i = 0;
    const auto copy = [&]<class X>(std::type_identity<X>) {
      if constexpr (!detail::on_host<device_t<X>>)
        if (i == type) out = detail::host_copy<device_t<X>>(*tensor);
      ++i;
    };
    (copy(std::type_identity<P>()), ...);
    return out;
  }
  TAPER_RARE static void put_state(StateDict& out, const std::string& prefix, const ParameterState& p) {
    if (!has_state(p)) return;
    for (std::size_t i = 0; i != counters; ++i) internal::put(out, prefix + std::string(Rule::numbers[i]), p.numbers[i]);
    for (std::size_t i = 0; i != states; ++i)
      if (p.tensors[i]) out.set(prefix + std::string(Rule::states[i]), AnyTensor(host_state(p.parameter.type, p.tensors[i])));
  }
  TAPER_RARE static void get_state(const StateDict& state, const std::string& prefix, const Options& options, ParameterState& p) {
    p.tensors = {};
    p.numbers = {};
    const auto has = [&](std::string_view name) { return state.contains(prefix + std::string(name)); };
    if (std::none_of(Rule::numbers.begin(), Rule::numbers.end(), has) && std::none_of(Rule::states.begin(), Rule::states.end(), has)) return;
    for (std::size_t i = 0; i != counters; ++i) internal::get(state, prefix + std::string(Rule::numbers[i]), p.numbers[i]);
    std::size_t type = 0;
    ((p.parameter.type == type++ ? get_tensors<P>(state, prefix, options, p) : void()), ...);
  }
  template <class X>
  static void get_tensors(const StateDict& state, const std::string& prefix, const Options& options, ParameterState& p) {
    for (std::size_t i = 0; i != states; ++i) {
      const std::string key = prefix + std::string(Rule::states[i]);
      // What only other options than the default ones keep may have been switched on since the last step.
      const bool needed = Rule::keeps(options, static_cast<int>(i)) && Rule::keeps(Options(), static_cast<int>(i));
      const AnyTensor* found = needed ? &state.at(key) : state.find(key);
      if (!found) continue;
      const Shape& shape = p.parameter.record->shape;
      if (!(found->shape() == shape))
        detail::raise<StateError>(Rule::name, "'", key, "' has the shape ", found->shape(), " and its parameter '", p.parameter.name, "' ", shape);
      if (detail::category(found->dtype()) != detail::category(dtype_of<value_t<X>>))
        detail::raise<StateError>(Rule::name, "'", key, "' is ", found->dtype(), " and its parameter '", p.parameter.name, "' ",
                                  dtype_of<value_t<X>>);
      Tensor<value_t<X>> copy(detail::make_dense<Cpu>(dtype_of<value_t<X>>, shape));
      dispatch_dtype(found->dtype(), [&]<class S>() {
        if constexpr (detail::category(dtype_of<S>) == detail::category(dtype_of<value_t<X>>)) copy.copy_(found->template as<S>());
      });
      p.tensors[i] = to<device_t<X>>(copy).handle();
    }
  }

  Options defaults_;
  std::vector<Group> groups_;
  // Kept between steps, so that a step asks for no memory.
  detail::PoolVector<detail::ListTuple> tuples_;
  detail::PoolVector<Update> updates_;
};

}  // namespace taper::inline TAPER_CODE::optim
