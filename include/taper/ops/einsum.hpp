// SPDX-License-Identifier: MIT
// einsum for one and two operands, and tensordot: permuted views, one batched matrix product, a permuted view.
#pragma once

#include <taper/ops/matmul.hpp>
#include <taper/ops/reduction.hpp>

#include <string>

namespace taper::inline TAPER_CODE {

namespace detail {

/// A subscript is a letter, or one of the dimensions of an ellipsis, counted from the back.
inline constexpr int letters = 52, max_labels = letters + max_rank;

constexpr int letter_of(char c) { return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' + 26 : -1; }

/// A subscript as messages name it.
inline std::string name_of_label(int label) {
  if (label >= letters) return "a dimension of the ellipsis";
  return {'\'', static_cast<char>(label < 26 ? 'a' + label : 'A' + label - 26), '\''};
}

/// The subscripts of one operand, and its ellipsis.
struct Subscripts {
  int labels[64] = {};  // -1 stands for the ellipsis
  int count = 0;
  bool has_ellipsis = false;

  Subscripts(std::string_view op, std::string_view equation, std::string_view part) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == ' ') continue;
      if (count == 64) raise<ValueError>(op, "the equation \"", equation, "\" has too many subscripts");
      if (part.substr(i, 3) == "...") {
        if (has_ellipsis) raise<ValueError>(op, "the equation \"", equation, "\" has two ellipses in one operand");
        has_ellipsis = true;
        labels[count++] = -1;
        i += 2;
      } else if (letter_of(part[i]) >= 0) {
        labels[count++] = letter_of(part[i]);
      } else {
        raise<ValueError>(op, "the equation \"", equation, "\" has a '", part[i], "': subscripts are letters, and ... for all other dimensions");
      }
    }
  }
};

/// One label per dimension of an operand: the ellipsis is spelled out.
struct Labels {
  int at[max_rank] = {};
  int count = 0;
  int find(int label) const {
    for (int i = 0; i < count; ++i)
      if (at[i] == label) return i;
    return -1;
  }
  void push_back(int label) { at[count++] = label; }
};

inline Labels spell_out(std::string_view op, std::string_view equation, const Subscripts& s, const Shape& shape) {
  const int named = s.count - s.has_ellipsis, rest = shape.size() - named;
  if (rest < 0 || (rest > 0 && !s.has_ellipsis))
    raise<ShapeError>(op, "the equation \"", equation, "\" names ", named, " dimensions of an operand of shape ", shape);
  Labels out;
  for (int i = 0; i < s.count; ++i) {
    if (s.labels[i] >= 0) {
      out.push_back(s.labels[i]);
      continue;
    }
    for (int k = 0; k < rest; ++k) out.push_back(letters + max_rank - rest + k);
  }
  return out;
}

/// Repeated subscripts become one, along the diagonal.
template <Scalar T, Device D>
Tensor<T, D> take_diagonals(std::string_view op, Tensor<T, D> x, Labels& labels) {
  for (int i = 0; i < labels.count; ++i)
    for (int j = i + 1; j < labels.count; ++j) {
      if (labels.at[i] != labels.at[j]) continue;
      if (x.shape()[i] != x.shape()[j])
        raise<ShapeError>(op, "the repeated subscript ", name_of_label(labels.at[i]), " names sizes ", x.shape()[i], " and ", x.shape()[j],
                          " of an operand of shape ", x.shape());
      x = diagonal(x, 0, i, j);
      const int label = labels.at[i];
      for (int k = j; k + 1 < labels.count; ++k) labels.at[k] = labels.at[k + 1];
      for (int k = i; k + 2 < labels.count; ++k) labels.at[k] = labels.at[k + 1];
      labels.at[labels.count - 2] = label;
      --labels.count;
      return take_diagonals(op, x, labels);
    }
  return x;
}

/// x summed over the subscripts that `keep` does not name.
template <Scalar T, Device D, class Keep>
Tensor<T, D> sum_other(const Tensor<T, D>& x, Labels& labels, const Keep& keep) {
  Axes axes;
  Labels kept;
  for (int i = 0; i < labels.count; ++i) {
    if (keep(labels.at[i])) kept.push_back(labels.at[i]);
    else axes.push_back(i);
  }
  labels = kept;
  if (axes.empty()) return x;
  return Tensor<T, D>(sum_scaled("einsum", x, axes, false, false));
}

/// x with its dimensions in the order of `wanted`, size 1 where it has none.
template <Scalar T, Device D>
Tensor<T, D> arrange(Tensor<T, D> x, const Labels& labels, const Labels& wanted) {
  Dims order;
  Shape shape;
  for (int i = 0; i < wanted.count; ++i) {
    const int at = labels.find(wanted.at[i]);
    if (at >= 0) order.push_back(at);
    shape.push_back(at >= 0 ? x.shape()[at] : 1);
  }
  return reshape(permute(x, order), shape);
}

/// The subscripts of the result: those given, or else the ellipsis and all that occur once, in alphabetical order.
inline Labels result_labels(std::string_view op, std::string_view equation, const Labels* operands, int count) {
  int uses[max_labels] = {}, ellipsis = 0;
  for (int k = 0; k < count; ++k)
    for (int i = 0; i < operands[k].count; ++i) ++uses[operands[k].at[i]];
  for (int i = letters; i < max_labels; ++i) ellipsis += uses[i] > 0;
  Labels out;
  const std::size_t arrow = equation.find("->");
  const auto add = [&](int label) {
    if (out.count == max_rank) raise<ShapeError>(op, "the result of \"", equation, "\" has more than 8 dimensions");
    out.push_back(label);
  };
  if (arrow == std::string_view::npos) {
    for (int i = max_labels - ellipsis; i < max_labels; ++i) add(i);
    for (int k = 0; k < letters; ++k) {  // alphabetical: upper case first
      const int label = (k + 26) % letters;
      if (uses[label] == 1) add(label);
    }
    return out;
  }
  const Subscripts s(op, equation, equation.substr(arrow + 2));
  for (int i = 0; i < s.count; ++i) {
    if (s.labels[i] < 0) {
      for (int k = max_labels - ellipsis; k < max_labels; ++k) add(k);
      continue;
    }
    if (uses[s.labels[i]] == 0 || out.find(s.labels[i]) >= 0)
      raise<ValueError>(op, "the subscript ", name_of_label(s.labels[i]), " of the result of \"", equation, "\" is ",
                        uses[s.labels[i]] == 0 ? "in no operand" : "there twice");
    add(s.labels[i]);
  }
  return out;
}

/// The contraction of two operands whose subscripts are distinct.
template <Scalar T, Device D>
Tensor<T, D> contract(std::string_view op, Tensor<T, D> a, Labels la, Tensor<T, D> b, Labels lb, const Labels& result) {
  a = sum_other(a, la, [&](int l) { return lb.find(l) >= 0 || result.find(l) >= 0; });
  b = sum_other(b, lb, [&](int l) { return la.find(l) >= 0 || result.find(l) >= 0; });
  // A size of 1 that is summed against a larger one broadcasts.
  const auto widen = [&](Tensor<T, D> x, const Labels& lx, const Tensor<T, D>& y, const Labels& ly) {
    Shape shape = x.shape();
    for (int i = 0; i < lx.count; ++i) {
      const int j = ly.find(lx.at[i]);
      if (j < 0 || y.shape()[j] == shape[i]) continue;
      if (shape[i] != 1 && y.shape()[j] != 1)
        raise<ShapeError>(op, "the subscript ", name_of_label(lx.at[i]), " names size ", shape[i], " of an operand of shape ", x.shape(),
                          " and size ", y.shape()[j], " of one of shape ", y.shape());
      if (shape[i] == 1) shape[i] = y.shape()[j];
    }
    return shape == x.shape() ? x : expand(x, shape);
  };
  a = widen(a, la, b, lb);
  b = widen(b, lb, a, la);
  Labels batch, rows, columns, inner;
  for (int i = 0; i < la.count; ++i) {
    const bool shared = lb.find(la.at[i]) >= 0, kept = result.find(la.at[i]) >= 0;
    (shared ? kept ? batch : inner : rows).push_back(la.at[i]);
  }
  for (int i = 0; i < lb.count; ++i)
    if (la.find(lb.at[i]) < 0) columns.push_back(lb.at[i]);
  Shape full;
  Labels order;
  const auto sizes = [&](const Labels& l, const Tensor<T, D>& x, const Labels& lx, bool kept) {
    std::int64_t n = 1;
    for (int i = 0; i < l.count; ++i) {
      const std::int64_t size = x.shape()[lx.find(l.at[i])];
      n *= size;
      if (kept) full.push_back(size), order.push_back(l.at[i]);
    }
    return n;
  };
  const std::int64_t nb = sizes(batch, a, la, true), nm = sizes(rows, a, la, true), nk = sizes(inner, a, la, false), nn = sizes(columns, b, lb, true);
  const auto join = [](std::initializer_list<const Labels*> parts) {
    Labels out;
    for (const Labels* p : parts)
      for (int i = 0; i < p->count; ++i) out.push_back(p->at[i]);
    return out;
  };
  const Tensor<T, D> left = arrange(a, la, join({&batch, &rows, &inner})), right = arrange(b, lb, join({&batch, &inner, &columns}));
  const auto product = [&](const Shape& x, const Shape& y) { return matmul_now(op, reshape(left, x), reshape(right, y), matmul_shape(op, x, y)); };
  const Tensor<T, D> y = batch.count == 0 ? product({nm, nk}, {nk, nn}) : product({nb, nm, nk}, {nb, nk, nn});
  return arrange(reshape(y, full), order, result);
}

}  // namespace detail

/// Sums of products after Einstein: einsum("ij,jk->ik", a, b) is a matrix product. A subscript that the result leaves out
/// is summed over, one that repeats in an operand is its diagonal, "..." stands for all other dimensions, which broadcast.
/// Without "->" the result has the subscripts that occur once, in alphabetical order.
/// Dtypes: equal, not bool. Gradient: the other operand contracted with the upstream one. Throws: ValueError for a bad
/// equation, ShapeError where sizes differ.
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
tensor_t<X> einsum(std::string_view equation, X&& a, Y&& b) {
  constexpr std::string_view op = "einsum";
  tensor_t<X> x = eval(std::forward<X>(a)), y = eval(std::forward<Y>(b));
  const std::string_view operands = equation.substr(0, equation.find("->"));
  const std::size_t comma = operands.find(',');
  if (comma == std::string_view::npos || operands.find(',', comma + 1) != std::string_view::npos)
    detail::raise<ValueError>(op, "the equation \"", equation, "\" must have the subscripts of two operands, separated by one comma");
  detail::Labels labels[2] = {detail::spell_out(op, equation, detail::Subscripts(op, equation, operands.substr(0, comma)), x.shape()),
                              detail::spell_out(op, equation, detail::Subscripts(op, equation, operands.substr(comma + 1)), y.shape())};
  // Diagonals count once, so what the result keeps is decided before they are taken.
  const detail::Labels result = detail::result_labels(op, equation, labels, 2);
  x = detail::take_diagonals(op, x, labels[0]);
  y = detail::take_diagonals(op, y, labels[1]);
  return detail::contract(op, x, labels[0], y, labels[1], result);
}
/// The same for one operand: einsum("ij->ji", a), einsum("ii", a), einsum("ij->i", a).
template <TensorLike X>
tensor_t<X> einsum(std::string_view equation, X&& a) {
  constexpr std::string_view op = "einsum";
  tensor_t<X> x = eval(std::forward<X>(a));
  detail::Labels labels = detail::spell_out(op, equation, detail::Subscripts(op, equation, equation.substr(0, equation.find("->"))), x.shape());
  const detail::Labels result = detail::result_labels(op, equation, &labels, 1);
  x = detail::take_diagonals(op, x, labels);
  x = detail::sum_other(x, labels, [&](int l) { return result.find(l) >= 0; });
  return detail::arrange(x, labels, result);
}
template <class X, class Y>
  requires detail::OfTwoDTypes<X, Y>
detail::error_operands_have_different_dtypes_write_cast<value_t<X>, value_t<Y>> einsum(std::string_view, X&&, Y&&) = delete;

/// Products summed over axes_a of a against axes_b of b: what is left of a, then of b.
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
tensor_t<X> tensordot(X&& a, Y&& b, const Dims& axes_a, const Dims& axes_b) {
  constexpr std::string_view op = "tensordot";
  const tensor_t<X> x = eval(std::forward<X>(a)), y = eval(std::forward<Y>(b));
  if (axes_a.size() != axes_b.size())
    detail::raise<ShapeError>(op, "as many axes of a must be given as of b: ", axes_a, " and ", axes_b);
  detail::Labels la, lb, result;
  for (int i = 0; i < x.dim(); ++i) la.push_back(i);
  for (int i = 0; i < y.dim(); ++i) lb.push_back(max_rank + i);
  for (int k = 0; k < axes_a.size(); ++k) {
    const int i = detail::wrap_axis(op, axes_a[k], x.dim()), j = detail::wrap_axis(op, axes_b[k], y.dim());
    if (la.at[i] != i || lb.at[j] < max_rank) detail::raise<IndexError>(op, "an axis appears twice in ", axes_a, " or in ", axes_b);
    if (x.shape()[i] != y.shape()[j])
      detail::raise<ShapeError>(op, "axis ", i, " of a ", x.shape(), " must be as long as axis ", j, " of b ", y.shape(), ": ", x.shape()[i], " != ",
                                y.shape()[j]);
    la.at[i] = max_rank * 2 + k;
    lb.at[j] = -1 - k;  // seen; named below
  }
  for (int j = 0; j < y.dim(); ++j)
    if (lb.at[j] < 0) lb.at[j] = max_rank * 2 - 1 - lb.at[j];
  if (x.dim() + y.dim() - 2 * axes_a.size() > max_rank) detail::raise<ShapeError>(op, "the result has more than 8 dimensions");
  for (int i = 0; i < x.dim(); ++i)
    if (la.at[i] < max_rank) result.push_back(la.at[i]);
  for (int j = 0; j < y.dim(); ++j)
    if (lb.at[j] < 2 * max_rank) result.push_back(lb.at[j]);
  return detail::contract(op, x, la, y, lb, result);
}
/// The same over the last `axes` axes of a and the first of b.
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
tensor_t<X> tensordot(X&& a, Y&& b, int axes = 2) {
  if (axes < 0 || axes > a.dim() || axes > b.dim())
    detail::raise<ShapeError>("tensordot", "a ", a.shape(), " and b ", b.shape(), " do not have ", axes, " axes to sum over");
  Dims left, right;
  for (int i = 0; i < axes; ++i) left.push_back(a.dim() - axes + i), right.push_back(i);
  return tensordot(std::forward<X>(a), std::forward<Y>(b), left, right);
}

}  // namespace taper::inline TAPER_CODE
