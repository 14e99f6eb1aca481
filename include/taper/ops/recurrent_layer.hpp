// SPDX-License-Identifier: MIT
// A layer of a recurrent network as one op, where the device has a library that runs whole layers.
#pragma once

#include <taper/ops/recurrent.hpp>

#include <array>

namespace taper::inline TAPER_CODE::detail {

template <class T, class D>
concept RunsRecurrentLayers = !on_host<D> && Accelerated<D> && Accelerator<D>::template has_recurrent_layers<T>;

/// What a layer reads: x (steps, n, in), h0 and c0 (directions, n, size), and by direction weight_ih, weight_hh,
/// bias_ih and bias_hh; undefined is what it has not.
template <Scalar T, Device D>
using RecurrentLayerInputs = std::array<Tensor<T, D>, 11>;

/// Replay computes the same from differentiable functions.
template <class Replay, Scalar T, Device D>
struct RecurrentLayerBackward {
  RecurrentLayer layer;
  RecurrentPlaces places;
  std::array<Saved<T, D>, 11> given;
  Saved<T, D> all;  // without history
  Tensor<T, D> weights;
  Tensor<std::uint8_t, D> reserve;
  Replay replay;

  void operator()(const autograd::BackwardContext& ctx) const {
    if constexpr (!first_order_only)
      if (ctx.create_graph())
        return give_replayed<T, D>(ctx, std::span<const Saved<T, D>>(given),
                                   [&](const Tensor<T, D>* x) { return replay(x, layer.directions); });
    const Tensor<T, D> up = dense(ctx.grad<T, D>()), x = dense(given[0].get()), h0 = dense(given[1].get());
    const Tensor<T, D> c0 = layer.has_c() ? dense(given[2].get()) : Tensor<T, D>();
    Tensor<T, D> made = all.get(), dx = empty_tensor<T, D>(x.shape()), dh = empty_tensor<T, D>(h0.shape()), dc, dw;
    if (layer.has_c()) dc = empty_tensor<T, D>(h0.shape());
    bool any = false;
    for (int i = 3; i < 11; ++i) any = any || (given[static_cast<std::size_t>(i)].defined() && ctx.wants(i));
    if (any) {
      dw = empty_tensor<T, D>(weights.shape());
      D::zero(dw.record().data, static_cast<std::size_t>(dw.numel()) * sizeof(T));
    }
    Tensor<std::uint8_t, D> space = reserve;
    if (ctx.pass().keeps_graph()) space = Tensor<std::uint8_t, D>(device_copy<D>(reserve.record()));
    count_pass();
    Accelerator<D>::recurrent_layers().backward(
        RecurrentLayerRun<T>{layer, places, x.data_ptr(), h0.data_ptr(), memory_of(c0), weights.data_ptr(),
                             made.data_ptr(), space.record().data},
        RecurrentLayerGradients<T>{up.data_ptr(), dx.data_ptr(), dh.data_ptr(), memory_of(dc), memory_of(dw)});
    ctx.give(0, std::move(dx));
    ctx.give(1, std::move(dh));
    if (layer.has_c()) ctx.give(2, std::move(dc));
    for (int i = 3; i < 11; ++i) {
      const Saved<T, D>& w = given[static_cast<std::size_t>(i)];
      if (!w.defined() || !ctx.wants(i)) continue;
      const Shape& shape = ctx.input_shape(i);
      ctx.give(i, Tensor<T, D>(make_alias(dw.record(),
                                          {shape, contiguous_strides(shape), places.at[(i - 3) / 4][(i - 3) % 4]})));
    }
  }
};

/// The states of all steps (steps, n, directions size), behind them the last ones, and the last c where the cell has
/// one, each (directions, n, size) in place of a step. Undefined where the library does not run such a layer.
template <class Replay, Scalar T, Device D>
Tensor<T, D> recurrent_layer(std::string_view op, RecurrentKind kind, RecurrentLayerInputs<T, D> in,
                             std::int64_t directions, const Replay& replay) {
  in[0] = contiguous(in[0]);
  const Shape& s = in[0].shape();
  RecurrentLayer layer{kind, s[0], s[1], s[2], in[1].shape()[2], directions, in[5].defined(), false};
  for (const auto& t : in) layer.keep = layer.keep || (t.defined() && recording(t));
  RecurrentPlaces places;
  const auto library = Accelerator<D>::recurrent_layers();
  if (!library.template plan<T>(layer, places)) return {};
  Tensor<T, D> weights = empty_tensor<T, D>({static_cast<std::int64_t>((places.weights + sizeof(T) - 1) / sizeof(T))});
  if (!library.locate(layer, std::as_const(weights).data_ptr(), places)) return {};
  for (std::size_t i = 3; i < 11; ++i)
    if (in[i].defined())
      copy_into(in[i], weights, places.at[(i - 3) / 4][(i - 3) % 4], contiguous_strides(in[i].shape()));
  Tensor<std::uint8_t, D> reserve;
  if (layer.keep) reserve = empty_tensor<std::uint8_t, D>({static_cast<std::int64_t>(places.reserve)});
  const Tensor<T, D> h0 = dense(in[1]), c0 = layer.has_c() ? dense(in[2]) : Tensor<T, D>();
  Tensor<T, D> all = empty_tensor<T, D>({layer.steps + (layer.has_c() ? 2 : 1), layer.n, directions * layer.size});
  count_pass();
  const RecurrentLayerRun<T> run{layer,
                                 places,
                                 std::as_const(in[0]).data_ptr(),
                                 h0.data_ptr(),
                                 memory_of(c0),
                                 weights.data_ptr(),
                                 all.data_ptr(),
                                 reserve.defined() ? reserve.record().data : nullptr};
  if (!library.forward(run)) return {};
  RecurrentLayerBackward<Replay, T, D> backward{
      layer,
      places,
      {},
      Saved<T, D>(Tensor<T, D>(make_alias(all.record(), geometry_of(all.record())))),
      std::move(weights),
      std::move(reserve),
      replay};
  for (std::size_t i = 0; i < 11; ++i) backward.given[i] = Saved<T, D>(in[i]);
  return record_op_list(op, std::move(all), std::move(backward), std::span<const Tensor<T, D>>(in));
}

}  // namespace taper::inline TAPER_CODE::detail
