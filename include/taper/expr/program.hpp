// SPDX-License-Identifier: MIT
// Lowering: a typed expression becomes a flat program, an empty type of instructions over numbered registers, plus data.
#pragma once

#include <taper/expr/node.hpp>

#include <utility>

namespace taper::inline TAPER_ABI::base { struct Epilogue; }  // of the backend

namespace taper::inline TAPER_CODE::detail {

template <class...>
struct List {};

/// Where an operand comes from: kind * 1024 + number.
enum Code : int { leaf_code = 0, constant_code = 1024, result_code = 2048 };

/// One instruction: an op, the types it works in, where its operands come from.
template <class Op, class Sig, int... Codes>
struct Instruction {};

template <class Leaves, class Constants, class Instructions>
struct Flat;

struct NoLet {};
template <class F, int C, class Rest>
struct LetBinding {};

template <class F, class Env>
struct Lookup {
  static_assert(!std::same_as<Env, NoLet>, "the variable of a let() was used outside the function given to let()");
};
template <class F, int C, class Rest>
struct Lookup<F, LetBinding<F, C, Rest>> { static constexpr int code = C; };
template <class F, class G, int C, class Rest>
struct Lookup<F, LetBinding<G, C, Rest>> : Lookup<F, Rest> {};

/// Lower<Node, State, Env>: `flat` is the state with the node's instructions added, `code` says where its value is.
template <class N, class State, class Env>
struct Lower;

template <class T, class D, class... L, class C, class I, class Env>
struct Lower<Leaf<T, D>, Flat<List<L...>, C, I>, Env> {
  using flat = Flat<List<L..., T>, C, I>;
  static constexpr int code = leaf_code + static_cast<int>(sizeof...(L));
};
template <class P, class... L, class C, class I, class Env>
struct Lower<Produced<P>, Flat<List<L...>, C, I>, Env> {
  using flat = Flat<List<L..., typename P::value_type>, C, I>;
  static constexpr int code = leaf_code + static_cast<int>(sizeof...(L));
};
template <class T, class L, class... C, class I, class Env>
struct Lower<Constant<T>, Flat<L, List<C...>, I>, Env> {
  using flat = Flat<L, List<C..., T>, I>;
  static constexpr int code = constant_code + static_cast<int>(sizeof...(C));
};
template <class F, class T, class D, class State, class Env>
struct Lower<Variable<F, T, D>, State, Env> {
  using flat = State;
  static constexpr int code = Lookup<F, Env>::code;
};
template <class F, class X, class Body, class State, class Env>
struct Lower<Let<F, X, Body>, State, Env> {
  using bound = Lower<X, State, Env>;
  using body = Lower<Body, typename bound::flat, LetBinding<F, bound::code, Env>>;
  using flat = typename body::flat;
  static constexpr int code = body::code;
};

template <class State, class NewInstruction>
struct Append;
template <class L, class C, class... I, class New>
struct Append<Flat<L, C, List<I...>>, New> {
  using flat = Flat<L, C, List<I..., New>>;
  static constexpr int code = result_code + static_cast<int>(sizeof...(I));
};

template <class Op, class A, class State, class Env>
struct Lower<Apply<Op, A>, State, Env> {
  using la = Lower<A, State, Env>;
  using add = Append<typename la::flat, Instruction<Op, typename Apply<Op, A>::signature, la::code>>;
  using flat = typename add::flat;
  static constexpr int code = add::code;
};
template <class Op, class A, class B, class State, class Env>
struct Lower<Apply<Op, A, B>, State, Env> {
  using la = Lower<A, State, Env>;
  using lb = Lower<B, typename la::flat, Env>;
  using add = Append<typename lb::flat, Instruction<Op, typename Apply<Op, A, B>::signature, la::code, lb::code>>;
  using flat = typename add::flat;
  static constexpr int code = add::code;
};
template <class Op, class A, class B, class C, class State, class Env>
struct Lower<Apply<Op, A, B, C>, State, Env> {
  using la = Lower<A, State, Env>;
  using lb = Lower<B, typename la::flat, Env>;
  using lc = Lower<C, typename lb::flat, Env>;
  using add = Append<typename lc::flat, Instruction<Op, typename Apply<Op, A, B, C>::signature, la::code, lb::code, lc::code>>;
  using flat = typename add::flat;
  static constexpr int code = add::code;
};
template <class Op, class A, class B, class C, class E, class State, class Env>
struct Lower<Apply<Op, A, B, C, E>, State, Env> {
  using la = Lower<A, State, Env>;
  using lb = Lower<B, typename la::flat, Env>;
  using lc = Lower<C, typename lb::flat, Env>;
  using le = Lower<E, typename lc::flat, Env>;
  using add =
      Append<typename le::flat, Instruction<Op, typename Apply<Op, A, B, C, E>::signature, la::code, lb::code, lc::code, le::code>>;
  using flat = typename add::flat;
  static constexpr int code = add::code;
};

/// A value with a number, so that a struct of many can be addressed by it. Empty values are not stored at all.
template <int I, class T, bool Empty = std::is_empty_v<T>>
struct Indexed { T value; };
template <int I, class T>
struct Indexed<I, T, true> {};
template <int I, class T>
TAPER_INLINE TAPER_HD constexpr T& get(Indexed<I, T, false>& x) { return x.value; }
template <int I, class T>
TAPER_INLINE TAPER_HD constexpr const T& get(const Indexed<I, T, false>& x) { return x.value; }
template <int I, class T>
TAPER_INLINE TAPER_HD constexpr T get(const Indexed<I, T, true>&) { return T{}; }

template <class Sequence, class... T>
struct TupleImpl;
template <int... I, class... T>
struct TupleImpl<std::integer_sequence<int, I...>, T...> : Indexed<I, T>... {};
/// A plain aggregate of numbered values (std::tuple is not for kernels).
template <class... T>
using Tuple = TupleImpl<std::make_integer_sequence<int, static_cast<int>(sizeof...(T))>, T...>;

/// What an instruction needs to say about itself, as data, so that the analysis below is plain constexpr code.
struct InstructionFacts {
  int arity = 0;
  int operand[4] = {};         // register numbers
  std::uint8_t reads[4] = {};  // what each partial reads
  bool differentiable[4] = {};
};

/// The gradient of a leaf needs these leaves, and the root's value or not.
struct LeafNeeds {
  std::uint64_t leaves = 0;
  bool output = false;
};

/// What follows from a program's shape alone. Registers are numbered: leaves, constants, results.
template <int Leaves, int Constants, int Count>
struct Analysis {
  static constexpr int registers = Leaves + Constants + Count;
  LeafNeeds needs[Leaves > 0 ? Leaves : 1] = {};
  bool reached[Leaves > 0 ? Leaves : 1] = {};   // a gradient can flow from the root to this leaf
  bool flows[registers] = {};                   // a gradient flows through this register
  bool first[Count > 0 ? Count : 1][4] = {};    // this operand's gradient is the first to reach its register
  bool load[Leaves > 0 ? Leaves : 1] = {};      // backward reads this leaf
  bool run[Count > 0 ? Count : 1] = {};         // backward replays this instruction
  bool output = false;                          // backward reads the root's value

  /// saved_output: the root's value is at hand in backward; otherwise it is replayed where it is needed.
  constexpr Analysis(const InstructionFacts* facts, int root, bool saved_output) {
    std::uint64_t leaf_cone[registers] = {};  // the leaves a register is computed from
    for (int i = 0; i < Leaves; ++i) leaf_cone[i] = std::uint64_t{1} << i;
    for (int k = 0; k < Count; ++k)
      for (int i = 0; i < facts[k].arity; ++i) leaf_cone[Leaves + Constants + k] |= leaf_cone[facts[k].operand[i]];

    flows[root] = true;
    bool seen[registers] = {};
    for (int k = Count - 1; k >= 0; --k) {
      if (!flows[Leaves + Constants + k]) continue;
      for (int i = 0; i < facts[k].arity; ++i)
        if (facts[k].differentiable[i]) {
          const int r = facts[k].operand[i];
          flows[r] = true;
          first[k][i] = !seen[r];
          seen[r] = true;
        }
    }
    bool needed[registers] = {};
    for (int leaf = 0; leaf < Leaves; ++leaf) {
      if (!flows[leaf]) continue;
      reached[leaf] = true;
      bool above[registers] = {};
      above[leaf] = true;
      auto want = [&](int r) {
        if (r == root && saved_output && r >= Leaves) {
          needs[leaf].output = true;
          output = true;
        } else {
          needs[leaf].leaves |= leaf_cone[r];
          needed[r] = true;
        }
      };
      for (int k = 0; k < Count; ++k) {
        const int out = Leaves + Constants + k;
        if (!flows[out]) continue;
        for (int i = 0; i < facts[k].arity; ++i) {
          if (!facts[k].differentiable[i] || !above[facts[k].operand[i]]) continue;
          above[out] = true;
          for (int j = 0; j < facts[k].arity; ++j)
            if (facts[k].reads[i] >> j & 1) want(facts[k].operand[j]);
          if (facts[k].reads[i] & reads_output) want(out);
        }
      }
    }
    for (int k = Count - 1; k >= 0; --k) {
      run[k] = needed[Leaves + Constants + k];
      if (run[k])
        for (int i = 0; i < facts[k].arity; ++i) needed[facts[k].operand[i]] = true;
    }
    for (int i = 0; i < Leaves; ++i) load[i] = needed[i];
  }
};


/// A lowered expression: element types of the result, the leaves and the constants, the instructions, where the root is.
template <class Result, class LeafTypes, class ConstantTypes, class Instructions, int RootCode>
struct Program;


constexpr int register_of(int code, int leaves, int constants) {
  return code >= result_code ? leaves + constants + code - result_code : code >= constant_code ? leaves + code - constant_code : code;
}

template <class I>
struct InstructionTraits;
template <class Op_, class R, class... C, int... Codes>
struct InstructionTraits<Instruction<Op_, Signature<R, C...>, Codes...>> {
  using Op = Op_;
  using result = R;
  using operand_types = List<C...>;
  static constexpr int arity = sizeof...(C);
  static constexpr int codes[4] = {Codes...};
};

template <int I, class T>
struct TypeAt : std::type_identity<T> {};
template <class Sequence, class... T>
struct TypeTableImpl;
template <int... I, class... T>
struct TypeTableImpl<std::integer_sequence<int, I...>, T...> : TypeAt<I, T>... {};
template <class... T>
using TypeTable = TypeTableImpl<std::make_integer_sequence<int, static_cast<int>(sizeof...(T))>, T...>;
template <int I, class T>
TypeAt<I, T> type_at(const TypeAt<I, T>&);

template <class T>
constexpr InstructionFacts facts_of(const bool* type_differentiable, int leaves, int constants) {
  InstructionFacts out;
  out.arity = T::arity;
  for (int i = 0; i < T::arity; ++i) {
    out.operand[i] = register_of(T::codes[i], leaves, constants);
    if constexpr (DifferentiableOp<typename T::Op>) {
      out.reads[i] = T::Op::reads[i];
      out.differentiable[i] = Differentiable<typename T::result> && type_differentiable[out.operand[i]];
    }
  }
  return out;
}

template <class Result, class... L, class... C, class... I, int RootCode>
struct Program<Result, List<L...>, List<C...>, List<I...>, RootCode> {
  using result = Result;
  static constexpr int leaves = sizeof...(L), constants = sizeof...(C), count = sizeof...(I);
  static constexpr int root = register_of(RootCode, leaves, constants);
  static_assert(count <= max_ops, "one expression may hold at most 64 ops: name a part of it (auto part = ...;) to store it");
  static_assert(leaves <= 64, "one expression may hold at most 64 tensors: name a part of it (auto part = ...;) to store it");

  /// Element type of every register.
  using types = TypeTable<L..., C..., typename InstructionTraits<I>::result...>;
  template <int R>
  using type = typename decltype(type_at<R>(std::declval<types>()))::type;
  using instructions = TypeTable<InstructionTraits<I>...>;
  template <int K>
  using instruction = typename decltype(type_at<K>(std::declval<instructions>()))::type;

  /// The run-time part: scalars, and ops with settings.
  struct Data : Tuple<compute_t<C>..., typename InstructionTraits<I>::Op...> {
    static constexpr int first_op = sizeof...(C);
    constexpr Data() = default;  // keeps it from being an aggregate: clang 16 crashes on {} of one with empty bases
  };

  static constexpr bool type_differentiable[] = {Differentiable<L>..., (sizeof(C) == 0)..., Differentiable<typename InstructionTraits<I>::result>..., false};

  static constexpr InstructionFacts facts[count > 0 ? count : 1] = {facts_of<InstructionTraits<I>>(type_differentiable, leaves, constants)...};

  /// Analysis with the root's value saved (ordinary evaluation) and without (a reduction of the expression).
  template <bool SavedOutput>
  static constexpr Analysis<leaves, constants, count> analysis{facts, root, SavedOutput};

  static constexpr bool may_throw = (requires { InstructionTraits<I>::Op::may_throw; } || ...);
};

template <class N, class Low>
struct ProgramOf;
template <class N, class L, class C, class I>
struct ProgramOf<N, Flat<L, C, I>> {
  template <int RootCode>
  using type = Program<typename N::value_type, L, C, I, RootCode>;
};
template <class N>
using Lowered = Lower<N, Flat<List<>, List<>, List<>>, NoLet>;
/// The program of an expression node.
template <class N>
using program_t = typename ProgramOf<N, typename Lowered<N>::flat>::template type<Lowered<N>::code>;

/// A producer that can hand out its result part by part, as a matrix with rows of columns() elements, for the rest of the
/// expression to finish. Nothing else keeps the memory of its result.
template <class P>
concept FinishesParts = requires(const P& p, const Epilogue* epilogue) {
  p(epilogue);
  p.columns(), p.order();
};

/// Runs such a producer; keep: the result stays with the expression.
using RunProducer = RecordPtr (*)(const void* produced, const Epilogue* epilogue, bool keep);

/// A leaf at run time.
struct LeafRef {
  TensorRecord* record = nullptr;
  std::uint32_t version = 0;
  bool wants_grad = false, may_wait = false;  // may_wait: its producer need not run yet
  // A producer that waits (none where `run` is null), the rows of its result, its axes' order; or that of a bare tensor's copy.
  RunProducer run = nullptr;
  const void* produced = nullptr;
  const Shape* shape = nullptr;
  std::int64_t columns = 0;
  AxisOrder order = 0;

  void set(TensorRecord& r) { record = &r, version = r.storage->version.load(std::memory_order_relaxed), wants_grad = r.wants_grad, run = nullptr; }
};

/// Walks a node in lowering order and fills in its leaves, constants and op settings; producers run here.
template <int L, int C, int I, class T, class D, class Data>
void collect(const Leaf<T, D>& leaf, LeafRef* leaves, Data&) {
  leaves[L] = {&leaf.tensor.record(), leaf.version, leaf.wants_grad};
}
template <int L, int C, int I, class T, class Data>
void collect(const Constant<T>& constant, LeafRef*, Data& data) {
  get<C>(data) = constant.value;
}
template <int L, int C, int I, class P, class Data>
void collect(const Produced<P>& p, LeafRef* leaves, Data&) {
  if constexpr (FinishesParts<P>)
    if (leaves[L].may_wait && !p.made.defined()) {
      leaves[L].produced = &p;
      leaves[L].shape = &p.producer.shape();
      leaves[L].columns = p.producer.columns(), leaves[L].order = p.producer.order();
      leaves[L].wants_grad = p.producer.record != 0;
      leaves[L].run = [](const void* produced, const Epilogue* epilogue, bool keep) {
        const auto& self = *static_cast<const Produced<P>*>(produced);
        Tensor<typename P::value_type, typename P::device_type> y = std::as_const(self.producer)(epilogue);
        if (!keep) return ask_gradient(y).handle();
        self.made = std::move(y);
        return ask_gradient(self.made).handle();
      };
      return;
    }
  if (!p.made.defined()) p.made = std::move(p.producer)();
  leaves[L].set(ask_gradient(p.made).record());
}
template <int L, int C, int I, class F, class T, class D, class Data>
void collect(const Variable<F, T, D>&, LeafRef*, Data&) {}
template <int L, int C, int I, class F, class X, class Body, class Data>
void collect(const Let<F, X, Body>& n, LeafRef* leaves, Data& data) {
  collect<L, C, I>(n.bound, leaves, data);
  collect<L + X::leaves, C + X::constants, I + X::ops>(n.body, leaves, data);
}
template <int L, int C, int I, class Op, class... N, class Data>
void collect(const Apply<Op, N...>& n, LeafRef* leaves, Data& data) {
  using Node = Apply<Op, N...>;
  if constexpr (!std::is_empty_v<Op>) get<Data::first_op + I + Node::ops - 1>(data) = n.op;
  collect_operands<L, C, I>(n.operands, leaves, data);
}
template <int L, int C, int I, class A, class Data>
void collect_operands(const Operands<A>& o, LeafRef* leaves, Data& data) {
  collect<L, C, I>(o.a, leaves, data);
}
template <int L, int C, int I, class A, class B, class Data>
void collect_operands(const Operands<A, B>& o, LeafRef* leaves, Data& data) {
  collect<L, C, I>(o.a, leaves, data);
  collect<L + A::leaves, C + A::constants, I + A::ops>(o.b, leaves, data);
}
template <int L, int C, int I, class A, class B, class E, class Data>
void collect_operands(const Operands<A, B, E>& o, LeafRef* leaves, Data& data) {
  collect<L, C, I>(o.a, leaves, data);
  collect<L + A::leaves, C + A::constants, I + A::ops>(o.b, leaves, data);
  collect<L + A::leaves + B::leaves, C + A::constants + B::constants, I + A::ops + B::ops>(o.c, leaves, data);
}
template <int L, int C, int I, class A, class B, class E, class G, class Data>
void collect_operands(const Operands<A, B, E, G>& o, LeafRef* leaves, Data& data) {
  collect<L, C, I>(o.a, leaves, data);
  collect<L + A::leaves, C + A::constants, I + A::ops>(o.b, leaves, data);
  collect<L + A::leaves + B::leaves, C + A::constants + B::constants, I + A::ops + B::ops>(o.c, leaves, data);
  collect<L + A::leaves + B::leaves + E::leaves, C + A::constants + B::constants + E::constants, I + A::ops + B::ops + E::ops>(
      o.d, leaves, data);
}

}  // namespace taper::inline TAPER_CODE::detail
