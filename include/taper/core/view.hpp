// SPDX-License-Identifier: MIT
// View operations on geometry alone: what permute, slice, expand and their kin do to shape, strides and offset.
#pragma once

#include <taper/core/shape.hpp>

namespace taper::inline TAPER_ABI::base {

/// Where a tensor's elements lie in its storage, in elements.
struct Geometry {
  Shape shape;
  Strides strides;
  std::int64_t offset = 0;
};

/// One view operation, kept by a view so that it can be replayed on a gradient. `a`, `b`, `c` depend on the kind.
struct ViewOp {
  enum Kind : std::uint8_t { view, permute, slice, select, expand, squeeze, unsqueeze, unfold, diagonal, alias };
  Kind kind = alias;
  int dim = 0;
  std::int64_t a = 0, b = 0, c = 0;  // slice: start, length, step; select: index; unfold: size, step; diagonal: offset, dim2
  Dims dims;                         // view, expand: the new shape; permute: the order of axes

  /// True where every element of the source appears exactly once.
  bool bijective() const { return kind <= permute || kind == squeeze || kind == unsqueeze || kind == alias; }
};

/// Strides for `shape` over the same elements in the same order; false where that needs a copy.
inline bool view_strides(const Geometry& from, const Shape& shape, Strides& out) {
  out = Dims::filled(shape.size(), 0);
  if (from.shape.numel() == 0) {
    out = contiguous_strides(shape);
    return true;
  }
  int i = from.shape.size() - 1, j = shape.size() - 1;
  while (i >= 0 || j >= 0) {
    while (i >= 0 && from.shape[i] == 1) --i;
    while (j >= 0 && shape[j] == 1) out[j] = 1, --j;
    if (i < 0 || j < 0) break;
    // Gather a run of source dimensions that lie densely behind each other, and hand it to target dimensions.
    std::int64_t have = from.shape[i], want = shape[j], step = from.strides[i];
    const std::int64_t inner = from.strides[i];
    out[j] = step;
    step *= shape[j];
    --j;
    while (have != want) {
      if (have < want) {
        --i;
        while (i >= 0 && from.shape[i] == 1) --i;
        if (i < 0 || from.strides[i] != inner * have) return false;
        have *= from.shape[i];
      } else {
        while (j >= 0 && shape[j] == 1) out[j] = step, --j;
        if (j < 0) return false;
        want *= shape[j];
        out[j] = step;
        step *= shape[j];
        --j;
      }
    }
    --i;
  }
  return true;
}

/// Replaces one -1 in a view's shape by what is left over, and checks the count of elements.
inline Shape infer_shape(std::string_view op, Shape shape, const Shape& from) {
  const std::int64_t n = from.numel();
  int unknown = -1;
  std::int64_t known = 1;
  bool none = false;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      if (unknown >= 0) raise<ShapeError>(op, "only one size of ", shape, " may be -1");
      unknown = i;
    } else if (shape[i] < 0) {
      raise<ShapeError>(op, "the shape ", shape, " has a negative size");
    } else {
      known = times_size(op, shape, known, shape[i]);
      none = none || shape[i] == 0;
    }
  }
  if (none) known = 0;
  if (unknown >= 0) {
    if (known == 0 || n % known != 0) raise<ShapeError>(op, "a tensor of shape ", from, " cannot be seen as ", shape, ": ", n, " elements are no multiple of ", known);
    shape[unknown] = n / known;
  } else if (known != n) {
    raise<ShapeError>(op, "a tensor of shape ", from, " cannot be seen as ", shape, ": ", n, " elements are not ", known);
  }
  return shape;
}

/// Applies an already checked view op. view on a geometry that cannot be viewed throws and names reshape.
inline Geometry apply(const ViewOp& op, const Geometry& g) {
  Geometry out = g;
  switch (op.kind) {
    case ViewOp::alias: break;
    case ViewOp::view:
      out.shape = op.dims;
      if (!view_strides(g, op.dims, out.strides))
        raise<ShapeError>("view", "a tensor of shape ", g.shape, " and strides ", g.strides, " cannot be seen as ", op.dims,
                          " without a copy: use reshape");
      break;
    case ViewOp::permute:
      for (int i = 0; i < op.dims.size(); ++i) {
        out.shape[i] = g.shape[static_cast<int>(op.dims[i])];
        out.strides[i] = g.strides[static_cast<int>(op.dims[i])];
      }
      break;
    case ViewOp::slice:
      out.offset += op.a * g.strides[op.dim];
      out.shape[op.dim] = op.b;
      out.strides[op.dim] *= op.c;
      break;
    case ViewOp::select:
      out.offset += op.a * g.strides[op.dim];
      out.shape.erase(op.dim);
      out.strides.erase(op.dim);
      break;
    case ViewOp::expand:
      out.shape = op.dims;
      out.strides = broadcast_strides(g.shape, g.strides, op.dims);
      break;
    case ViewOp::squeeze:
      out.shape.erase(op.dim);
      out.strides.erase(op.dim);
      break;
    case ViewOp::unsqueeze:
      out.strides.insert(op.dim, op.dim < g.shape.size() ? g.strides[op.dim] * g.shape[op.dim] : 1);
      out.shape.insert(op.dim, 1);
      break;
    case ViewOp::unfold:
      out.shape[op.dim] = (g.shape[op.dim] - op.a) / op.b + 1;
      out.strides[op.dim] = g.strides[op.dim] * op.b;
      out.shape.push_back(op.a);
      out.strides.push_back(g.strides[op.dim]);
      break;
    case ViewOp::diagonal: {
      const int d1 = op.dim, d2 = static_cast<int>(op.b);
      const std::int64_t n1 = g.shape[d1], n2 = g.shape[d2];
      const std::int64_t length = op.a >= 0 ? (n2 - op.a < n1 ? n2 - op.a : n1) : (n1 + op.a < n2 ? n1 + op.a : n2);
      if (length > 0) out.offset += op.a >= 0 ? op.a * g.strides[d2] : -op.a * g.strides[d1];
      const std::int64_t step = g.strides[d1] + g.strides[d2];
      const int hi = d1 > d2 ? d1 : d2, lo = d1 > d2 ? d2 : d1;
      out.shape.erase(hi), out.shape.erase(lo);
      out.strides.erase(hi), out.strides.erase(lo);
      out.shape.push_back(length > 0 ? length : 0);
      out.strides.push_back(step);
      break;
    }
  }
  return out;
}

}  // namespace taper::inline TAPER_ABI::base
