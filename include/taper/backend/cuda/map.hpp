// SPDX-License-Identifier: MIT
// Fused pointwise programs on a device: one kernel forward and one backward, over packets of 16 bytes where memory allows.
#pragma once

#include <taper/backend/cuda/offsets.hpp>
#include <taper/core/stats.hpp>
#include <taper/expr/execute.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Registers of a device's kernels: one element each.
struct Elements {
  template <class T>
  using of = compute_t<T>;
};

/// What lies in memory for T: a bool is a byte, and true where that is not 0.
template <class T>
using stored_t = std::conditional_t<std::same_as<T, bool>, std::uint8_t, T>;

/// N neighbours in memory, moved at once.
template <class T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Packet {
  T lane[N];
};

template <class T>
TAPER_INLINE TAPER_HD compute_t<T> widen(const stored_t<T>& x) {
  if constexpr (std::same_as<T, bool>) return x != 0;
  else return static_cast<compute_t<T>>(x);
}
template <class T, class V>
TAPER_INLINE TAPER_HD stored_t<T> narrow(const V& x) {
  if constexpr (std::same_as<T, bool>) return static_cast<std::uint8_t>(x ? 1 : 0);
  else return static_cast<T>(x);
}

/// A packet of an operand: side by side, one for all lanes, or (the last of a tensor) the first `n` lanes. What nobody saved
/// because no wanted gradient reads it is zero.
template <class T, int N>
TAPER_INLINE TAPER_HD Packet<stored_t<T>, N> load_packet(const std::byte* data, std::uint64_t offset, bool along, int n) {
  using S = stored_t<T>;
  const S* p = reinterpret_cast<const S*>(data) + offset;
  Packet<S, N> out{};
  if (data == nullptr) return out;
  if constexpr (N == 1) {
    out.lane[0] = *p;
  } else if (along && n == N) {
    out = *reinterpret_cast<const Packet<S, N>*>(p);
  } else {
    const S one = *p;
    for (int i = 0; i < N; ++i) out.lane[i] = along && i < n ? p[i] : one;
  }
  return out;
}
template <class S, int N>
TAPER_INLINE TAPER_HD void store_packet(std::byte* data, std::uint64_t offset, const Packet<S, N>& x, int n) {
  S* p = reinterpret_cast<S*>(data) + offset;
  if (N == 1 || n == N) {
    *reinterpret_cast<Packet<S, N>*>(p) = x;
  } else {
    for (int i = 0; i < N; ++i)
      if (i < n) p[i] = x.lane[i];
  }
}

/// Operands of a kernel: where they are, how element i of each is reached, which lie side by side.
template <int Count, class Index>
struct KernelOperands {
  std::byte* data[Count];
  Offsets<Count, Index> offsets;
  std::uint64_t along[3] = {};
  Index elements = 0;

  KernelOperands(const JobAxes& axes, const DeviceOperand* operands, const std::uint64_t* side_by_side)
      : offsets(axes), elements(static_cast<Index>(axes.elements)) {
    for (int k = 0; k < Count; ++k) data[k] = operands[k].data;
    for (int k = 0; k < 3; ++k) along[k] = side_by_side[k];
  }
  TAPER_INLINE TAPER_HD bool side_by_side(int k) const { return along[k / 64] >> k % 64 & 1; }
};

template <class P, int C, class Registers>
TAPER_INLINE TAPER_HD void set_constant(Registers& r, const typename P::Data& data) {
  get<P::leaves + C>(r) = get<C>(data);
}

/// Registers of one element, all leaves loaded, run to the root.
template <class P, class Load, int... L, int... C, int... K>
TAPER_INLINE TAPER_HD void run_program_at(RegisterFile<P, Elements>& r, const typename P::Data& data, const Load& load, std::integer_sequence<int, L...>,
                                          std::integer_sequence<int, C...>, std::integer_sequence<int, K...>) {
  ((get<L>(r) = load.template leaf<L>()), ...);
  (set_constant<P, C>(r, data), ...);
  (run_step<P, K>(r, data), ...);
}
template <class P, class Load>
TAPER_INLINE TAPER_HD void run_program_at(RegisterFile<P, Elements>& r, const typename P::Data& data, const Load& load) {
  run_program_at<P>(r, data, load, std::make_integer_sequence<int, P::leaves>{}, std::make_integer_sequence<int, P::constants>{},
                    std::make_integer_sequence<int, P::count>{});
}

template <class P, bool SavedOutput, int L, class Load>
TAPER_INLINE TAPER_HD void load_needed(RegisterFile<P, Elements>& r, const Load& load) {
  if constexpr (P::template analysis<SavedOutput>.load[L]) get<L>(r) = load.template leaf<L>();
}

/// The adjoints of one element: what backward reads is loaded or replayed, then the chain rule in reverse.
template <class P, bool SavedOutput, class Load, int... L, int... C, int... K>
TAPER_INLINE TAPER_HD void run_vjp_at(RegisterFile<P, Elements>& adjoint, const typename P::Data& data, const Load& load,
                                      std::integer_sequence<int, L...>, std::integer_sequence<int, C...>, std::integer_sequence<int, K...>) {
  RegisterFile<P, Elements> r{};
  (load_needed<P, SavedOutput, L>(r, load), ...);
  (set_constant<P, C>(r, data), ...);
  (replay<P, SavedOutput, K>(r, data), ...);
  if constexpr (SavedOutput && P::template analysis<SavedOutput>.output) get<P::root>(r) = load.result();
  get<P::root>(adjoint) = load.gradient();
  (pull_all<P, SavedOutput, P::count - 1 - K>(r, adjoint, data, std::make_integer_sequence<int, P::template instruction<P::count - 1 - K>::arity>{}),
   ...);
}
template <class P, bool SavedOutput, class Load>
TAPER_INLINE TAPER_HD void run_vjp_at(RegisterFile<P, Elements>& adjoint, const typename P::Data& data, const Load& load) {
  run_vjp_at<P, SavedOutput>(adjoint, data, load, std::make_integer_sequence<int, P::leaves>{}, std::make_integer_sequence<int, P::constants>{},
                             std::make_integer_sequence<int, P::count>{});
}

/// The leaves' packets, by leaf.
template <class P, int N, class Sequence>
struct LeafPacketsImpl;
template <class P, int N, int... L>
struct LeafPacketsImpl<P, N, std::integer_sequence<int, L...>> : Indexed<L, Packet<stored_t<typename P::template type<L>>, N>>... {};
template <class P, int N>
using LeafPackets = LeafPacketsImpl<P, N, std::make_integer_sequence<int, P::leaves>>;

/// Lane i of loaded packets.
template <class P, int N>
struct LaneOf {
  const LeafPackets<P, N>& packets;
  int lane;
  template <int L>
  TAPER_INLINE TAPER_HD auto leaf() const {
    return widen<typename P::template type<L>>(get<L>(packets).lane[lane]);
  }
};

template <class P, int N, class Index>
struct ForwardKernel {
  static constexpr int operands = P::leaves + 1;
  KernelOperands<operands, Index> at;
  typename P::Data data;

  TAPER_HD void operator()(std::int64_t packet) const { run(static_cast<Index>(packet) * N, std::make_integer_sequence<int, P::leaves>{}); }

 private:
  template <int... L>
  TAPER_INLINE TAPER_HD void run(Index first, std::integer_sequence<int, L...>) const {
    Index offset[operands] = {};
    at.offsets.add(first, offset);
    const int n = at.elements - first < Index(N) ? static_cast<int>(at.elements - first) : N;
    LeafPackets<P, N> leaves;
    ((get<L>(leaves) = load_packet<typename P::template type<L>, N>(at.data[L], offset[L], at.side_by_side(L), n)), ...);
    Packet<stored_t<typename P::result>, N> out;
    for (int i = 0; i < N; ++i) {
      RegisterFile<P, Elements> r;
      run_program_at<P>(r, data, LaneOf<P, N>{leaves, i});
      out.lane[i] = narrow<typename P::result>(get<P::root>(r));
    }
    store_packet(at.data[P::leaves], offset[P::leaves], out, n);
  }
};

template <class P, int N>
struct GradientLane : LaneOf<P, N> {
  const Packet<stored_t<typename P::result>, N>& y;
  const Packet<stored_t<typename P::result>, N>& g;
  double factor;
  TAPER_INLINE TAPER_HD auto result() const { return widen<typename P::result>(y.lane[this->lane]); }
  TAPER_INLINE TAPER_HD auto gradient() const {
    using C = compute_t<typename P::result>;
    return widen<typename P::result>(g.lane[this->lane]) * static_cast<real_t<C>>(factor);
  }
};

template <class P, bool SavedOutput, int N, class Index>
struct VjpKernel {
  static constexpr int operands = 2 * P::leaves + 2;
  KernelOperands<operands, Index> at;
  double factor;
  std::uint64_t adds;
  typename P::Data data;

  TAPER_HD void operator()(std::int64_t packet) const { run(static_cast<Index>(packet) * N, std::make_integer_sequence<int, P::leaves>{}); }

 private:
  template <int L>
  TAPER_INLINE TAPER_HD void load(LeafPackets<P, N>& leaves, const Index* offset, int n) const {
    if constexpr (P::template analysis<SavedOutput>.load[L])
      get<L>(leaves) = load_packet<typename P::template type<L>, N>(at.data[L], offset[L], at.side_by_side(L), n);
  }
  /// In the order of the leaves: where two of them are one tensor, the second adds to what the first left.
  template <int L>
  TAPER_INLINE TAPER_HD void hand_on(const RegisterFile<P, Elements>* adjoint, const Index* offset, int n) const {
    if constexpr (P::template analysis<SavedOutput>.reached[L]) {
      using T = typename P::template type<L>;
      constexpr int k = P::leaves + 2 + L;
      if (at.data[k] == nullptr) return;
      Packet<T, N> out;
      if (adds >> L & 1) {
        out = load_packet<T, N>(at.data[k], offset[k], true, n);
        for (int i = 0; i < N; ++i) out.lane[i] = narrow<T>(widen<T>(out.lane[i]) + get<L>(adjoint[i]));
      } else {
        for (int i = 0; i < N; ++i) out.lane[i] = narrow<T>(get<L>(adjoint[i]));
      }
      store_packet(at.data[k], offset[k], out, n);
    }
  }
  template <int... L>
  TAPER_INLINE TAPER_HD void run(Index first, std::integer_sequence<int, L...>) const {
    using R = typename P::result;
    Index offset[operands] = {};
    at.offsets.add(first, offset);
    const int n = at.elements - first < Index(N) ? static_cast<int>(at.elements - first) : N;
    LeafPackets<P, N> leaves;
    (load<L>(leaves, offset, n), ...);
    Packet<stored_t<R>, N> y{};
    if constexpr (SavedOutput && P::template analysis<SavedOutput>.output)
      y = load_packet<R, N>(at.data[P::leaves], offset[P::leaves], at.side_by_side(P::leaves), n);
    const auto g = load_packet<R, N>(at.data[P::leaves + 1], offset[P::leaves + 1], at.side_by_side(P::leaves + 1), n);
    RegisterFile<P, Elements> adjoint[N];
    for (int i = 0; i < N; ++i) run_vjp_at<P, SavedOutput>(adjoint[i], data, GradientLane<P, N>{{leaves, i}, y, g, factor});
    (hand_on<L>(adjoint, offset, n), ...);
  }
};

template <class P>
struct OperandSizes;
template <class R, class... L, class C, class I, int Root>
struct OperandSizes<Program<R, List<L...>, C, I, Root>> {
  // Leaves, result, its gradient, the leaves' gradients.
  static constexpr std::size_t of[] = {sizeof(L)..., sizeof(R), sizeof(R), sizeof(L)...};
  static constexpr std::size_t largest() {
    std::size_t out = sizeof(R);
    ((out = sizeof(L) > out ? sizeof(L) : out), ...);
    return out;
  }
  /// A packet is 16 bytes of the widest operand.
  static constexpr int lanes = static_cast<int>(16 / largest());
};

inline void count_device_launch(const DeviceJob& job, const std::size_t* sizes, int count) {
  std::size_t bytes = 0;
  for (int k = 0; k < count; ++k)
    if (job.operands[k].data) bytes += sizes[k];
  count_launch(job.shape.numel() * static_cast<std::int64_t>(bytes));
}

/// Launches the variant of a kernel that operands allow: packets, elements, or elements with 64 bits where 32 do not reach.
/// make<lanes>(operands) is the functor.
template <class System, int Count, int N, class Make>
void launch_map(const DeviceJob& job, const std::size_t* sizes, const Make& make) {
  count_device_launch(job, sizes, Count);
  const JobAxes axes(job.shape, job.operands, Count);
  if (axes.elements == 0) return;
  std::uint64_t along[3] = {};
  const auto launch = [&]<int Lanes, class Index>(std::integral_constant<int, Lanes>, Index) {
    System::for_each((axes.elements + Lanes - 1) / Lanes, make.template operator()<Lanes>(KernelOperands<Count, Index>(axes, job.operands, along)));
  };
  constexpr std::integral_constant<int, 1> one;
  if (axes.wide) return launch(one, std::uint64_t{});
  if constexpr (N > 1)
    if (axes.packets(job.operands, sizes, Count, N, along)) return launch(std::integral_constant<int, N>(), std::uint32_t{});
  launch(one, std::uint32_t{});
}

template <class P>
const typename P::Data& settings_of(const DeviceJob& job) { return *static_cast<const typename P::Data*>(job.data); }

template <class P>
struct MakeForward {
  const DeviceJob& job;
  template <int N, class Index>
  ForwardKernel<P, N, Index> operator()(const KernelOperands<P::leaves + 1, Index>& at) const {
    return {at, settings_of<P>(job)};
  }
};
template <class P, bool SavedOutput>
struct MakeVjp {
  const DeviceJob& job;
  template <int N, class Index>
  VjpKernel<P, SavedOutput, N, Index> operator()(const KernelOperands<2 * P::leaves + 2, Index>& at) const {
    return {at, job.factor, job.adds, settings_of<P>(job)};
  }
};

template <class System, class P>
void device_forward(const DeviceJob& job) {
  launch_map<System, P::leaves + 1, OperandSizes<P>::lanes>(job, OperandSizes<P>::of, MakeForward<P>{job});
}
template <class System, class P, bool SavedOutput>
void device_vjp(const DeviceJob& job) {
  launch_map<System, 2 * P::leaves + 2, OperandSizes<P>::lanes>(job, OperandSizes<P>::of, MakeVjp<P, SavedOutput>{job});
}

}  // namespace taper::inline TAPER_CODE::detail
