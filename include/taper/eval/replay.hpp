// SPDX-License-Identifier: MIT
// Backward of a fused expression op by op, each step recorded: higher-order gradients, and the op's name in anomaly mode.
// A program is a table of steps here; the functions behind the steps are shared by all programs with the same op.
#pragma once

#include <taper/eval/grad_ops.hpp>

namespace taper::inline TAPER_CODE::detail {

/// One instruction as data. `operand` numbers registers; r holds a tensor for each register that is at hand.
struct ReplayStep {
  std::string_view name;
  const void* (*state)(const void* data);  // the op's settings inside the program's data; null for an op without any
  RecordPtr (*forward)(const void* op, const RecordPtr* r, const int* operand);
  RecordPtr (*vjp[4])(const void* op, const RecordPtr& g, const RecordPtr& y, const RecordPtr* r, const int* operand);
};

/// A program as data, for replay.
struct ReplayTable {
  int leaves, constants, count, root;
  const InstructionFacts* facts;
  const bool* run[2];    // instructions that backward replays: without and with the root's value saved
  const bool* flows;     // registers that a gradient flows through
  const ReplayStep* steps;
  RecordPtr (*const* constant)(const void* data);
  const autograd::GradOps* const* ops;  // of each register; null for integers and bools
};

template <class P, int I>
const void* data_at(const void* data) {
  return &get<I>(*static_cast<const typename P::Data*>(data));
}

template <class T, class C, class D>
RecordPtr cast_record(const RecordPtr& x) {
  if constexpr (std::same_as<T, C>) return x;
  else return x ? evaluate(Apply<Cast<C>, Leaf<T, D>>{Cast<C>{}, {plain_leaf<T, D>(x)}}, x->shape) : x;
}

template <class Op>
Op op_of(const void* state) {
  if constexpr (std::is_empty_v<Op>) return Op{};
  else return *static_cast<const Op*>(state);
}

template <class T, class D>
Eager<T, D> eager_value(const RecordPtr& r) {
  return r ? Eager<T, D>(Tensor<T, D>(r)) : Eager<T, D>();
}

template <class D, class Op, class R, class Operands, class Registers>
struct EagerOp;
/// op(x...) and its partials as recorded expressions: C are the types the op works in, T those of the registers.
template <class D, class Op, class R, class... C, class... T>
struct EagerOp<D, Op, R, List<C...>, List<T...>> {
  template <int... I>
  static RecordPtr forward_of(const void* op, const RecordPtr* r, const int* operand, std::integer_sequence<int, I...>) {
    const RecordPtr x[] = {cast_record<T, C, D>(r[operand[I]])...};
    Shape shape = x[0]->shape;
    ((shape = broadcast_shapes(Op::name, shape, x[I]->shape)), ...);
    return evaluate(Apply<Op, Leaf<C, D>...>{op_of<Op>(op), {plain_leaf<C, D>(x[I])...}}, shape);
  }
  static RecordPtr forward(const void* op, const RecordPtr* r, const int* operand) {
    return forward_of(op, r, operand, std::make_integer_sequence<int, sizeof...(C)>{});
  }
  template <int K, int... I>
  static RecordPtr vjp_of(const void* op, const RecordPtr& g, const RecordPtr& y, const RecordPtr* r, const int* operand,
                          std::integer_sequence<int, I...>) {
    auto out = operand_gradient<K>(op_of<Op>(op), eager_value<R, D>(g), eager_value<R, D>(y),
                                   eager_value<C, D>(cast_record<T, C, D>(r[operand[I]]))...);
    return cast_record<operand_type<K, C...>, operand_type<K, T...>, D>(out.tensor.handle());
  }
  template <int K>
  static RecordPtr vjp(const void* op, const RecordPtr& g, const RecordPtr& y, const RecordPtr* r, const int* operand) {
    if constexpr (Differentiable<operand_type<K, T...>>)
      return vjp_of<K>(op, g, y, r, operand, std::make_integer_sequence<int, sizeof...(C)>{});
    else return {};
  }
};

inline thread_local bool explaining_nan = false;

/// Runs a table: the gradients of a node's leaves go to `pass`, or nowhere where it is null.
inline void replay(const ReplayTable& t, autograd::FusedNode& node, autograd::Pass* pass, const RecordPtr& gradient, const RecordPtr& output) {
  const int inputs = t.leaves + t.constants, registers = inputs + t.count;
  PoolVector<RecordPtr> r(static_cast<std::size_t>(registers)), adjoint(static_cast<std::size_t>(registers));
  PoolVector<char> wanted(static_cast<std::size_t>(registers), 0);
  const auto at = [](auto& list, int i) -> auto& { return list[static_cast<std::size_t>(i)]; };
  const void* data = node.data();
  // A partial of a leaf that wants no gradient may read what was not saved: only the paths to the others are walked.
  for (int i = 0; i < t.leaves; ++i) {
    at(r, i) = node.saved()[i];
    at(wanted, i) = static_cast<bool>(node.input(i));
  }
  for (int i = 0; i < t.constants; ++i) at(r, t.leaves + i) = t.constant[i](data);
  if (output) {
    RecordPtr& y = at(r, t.root);
    y = make_alias(*output, geometry_of(*output));
    autograd::set_slot(*y, autograd::SlotPtr::share(node.autograd::Node::output(0)));
  }
  const bool* run = t.run[node.reduced ? 0 : 1];
  for (int k = 0; k < t.count; ++k) {
    const InstructionFacts& f = t.facts[k];
    bool ready = run[k] && !at(r, inputs + k);
    for (int i = 0; i < f.arity; ++i) {
      ready = ready && at(r, f.operand[i]);
      if (f.differentiable[i] && at(wanted, f.operand[i])) at(wanted, inputs + k) = 1;
    }
    if (ready) at(r, inputs + k) = t.steps[k].forward(t.steps[k].state ? t.steps[k].state(data) : nullptr, r.data(), f.operand);
  }
  at(adjoint, t.root) = gradient;
  for (int k = t.count - 1; k >= 0; --k) {
    const InstructionFacts& f = t.facts[k];
    const RecordPtr& g = at(adjoint, inputs + k);
    if (!g || !t.flows[inputs + k]) continue;
    for (int i = 0; i < f.arity; ++i) {
      const int to = f.operand[i];
      if (!f.differentiable[i] || !at(wanted, to)) continue;
      RecordPtr part = t.steps[k].vjp[i](t.steps[k].state ? t.steps[k].state(data) : nullptr, g, at(r, inputs + k), r.data(), f.operand);
      if (explaining_nan && t.ops[to]->has_nan(*part))
        raise<AutogradError>("anomaly mode", "the backward of ", t.steps[k].name, " gave NaN for operand ", i, ", inside an expression of ", t.count,
                             " ops and shape ", node.shape);
      RecordPtr& sum = at(adjoint, to);
      sum = sum ? t.ops[to]->add(sum, part) : std::move(part);
    }
  }
  if (!pass) return;
  for (int i = 0; i < t.leaves; ++i) {
    const autograd::SlotPtr& slot = node.input(i);
    if (!slot || !at(adjoint, i)) continue;
    // A partial that does not depend on the gradient is the number 0, of rank 0.
    const bool constant = at(adjoint, i)->shape.size() < slot->shape.size();
    pass->add(slot, constant ? slot->ops->full(slot->shape, 0) : slot->ops->sum_to(at(adjoint, i), slot->shape));
  }
}

/// The gradient of a sum, expanded to what was summed.
inline RecordPtr spread_gradient(const autograd::FusedNode& node, const RecordPtr& g, const autograd::GradOps& ops) {
  if (!node.reduced) return g;
  ViewOp kept;
  kept.kind = ViewOp::view;
  for (int i = 0; i < node.shape.size(); ++i) kept.dims.push_back(node.mask >> i & 1 ? 1 : node.shape[i]);
  ViewOp wide;
  wide.kind = ViewOp::expand;
  wide.dims = node.shape;
  const RecordPtr dense = g->contiguous ? g : ops.clone(g);
  return make_view(make_view(dense.get(), kept).get(), wide);
}

template <class T, class D>
constexpr const autograd::GradOps* register_ops() {
  if constexpr (Differentiable<T>) return &GradOpsFor<T, D>::ops;
  else return nullptr;
}

template <class P, class D>
struct Replay {
  template <int K, int... I>
  static constexpr ReplayStep make_step(std::integer_sequence<int, I...>) {
    using Traits = typename P::template instruction<K>;
    using Op = typename Traits::Op;
    ReplayStep step{};
    step.name = Op::name;
    if constexpr (!std::is_empty_v<Op>) step.state = &data_at<P, P::constants + K>;
    if constexpr (P::template analysis<false>.flows[P::leaves + P::constants + K]) {
      using E = EagerOp<D, Op, typename Traits::result, typename Traits::operand_types,
                        List<typename P::template type<P::facts[K].operand[I]>...>>;
      step.forward = &E::forward;
      (set_vjp<E, K, I>(step), ...);
    } else if constexpr (P::template analysis<false>.run[K]) {
      using E = EagerOp<D, Op, typename Traits::result, typename Traits::operand_types,
                        List<typename P::template type<P::facts[K].operand[I]>...>>;
      step.forward = &E::forward;
    }
    return step;
  }
  template <class E, int K, int I>
  static constexpr void set_vjp(ReplayStep& step) {
    if constexpr (P::facts[K].differentiable[I]) step.vjp[I] = &E::template vjp<I>;
  }
  template <int C>
  static RecordPtr constant(const void* data) {
    using T = typename P::template type<P::leaves + C>;
    return full_record<T, D>(Shape(), static_cast<T>(get<C>(*static_cast<const typename P::Data*>(data))));
  }

  template <class S>
  struct Tables;
  template <int... K>
  struct Tables<std::integer_sequence<int, K...>> {
    static constexpr ReplayStep steps[] = {make_step<K>(std::make_integer_sequence<int, P::template instruction<K>::arity>{})..., {}};
  };
  template <class S>
  struct Constants;
  template <int... C>
  struct Constants<std::integer_sequence<int, C...>> {
    static constexpr RecordPtr (*make[])(const void*) = {&constant<C>..., nullptr};
  };
  template <class S>
  struct Registers;
  template <int... R>
  struct Registers<std::integer_sequence<int, R...>> {
    static inline const autograd::GradOps* const ops[] = {register_ops<typename P::template type<R>, D>()...};
  };
  static constexpr ReplayTable table{P::leaves,
                                     P::constants,
                                     P::count,
                                     P::root,
                                     P::facts,
                                     {P::template analysis<false>.run, P::template analysis<true>.run},
                                     P::template analysis<true>.flows,
                                     Tables<std::make_integer_sequence<int, P::count>>::steps,
                                     Constants<std::make_integer_sequence<int, P::constants>>::make,
                                     Registers<std::make_integer_sequence<int, P::leaves + P::constants + P::count>>::ops};

  static std::string_view name() { return P::count > 0 ? Tables<std::make_integer_sequence<int, P::count>>::steps[P::count > 0 ? P::count - 1 : 0].name : "copy"; }
  static void backward(autograd::FusedNode& node, autograd::Pass& pass, const RecordPtr& g, const RecordPtr& y) {
    replay(table, node, &pass, spread_gradient(node, g, *table.ops[P::root]), y);
  }
  static void explain_nan(autograd::FusedNode& node, const RecordPtr& g, const RecordPtr& y) {
    const NoGrad guard;
    explaining_nan = true;
    struct Reset {
      ~Reset() { explaining_nan = false; }
    } reset;
    replay(table, node, nullptr, spread_gradient(node, g, *table.ops[P::root]), y);
  }
  static const GraphOps& ops() {
    static constexpr GraphOps table{&name, &backward, &explain_nan};
    return table;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
