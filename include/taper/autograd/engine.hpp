// SPDX-License-Identifier: MIT
// The backward pass: runs nodes from the deepest down, carries gradients between them, accumulates into leaves.
#pragma once

#include <taper/autograd/grad_mode.hpp>
#include <taper/autograd/remake.hpp>
#include <taper/core/pointer_set.hpp>

#include <algorithm>
#include <span>

#include <sched.h>
#include <unistd.h>

namespace taper::inline TAPER_ABI::tape {

/// What a backward pass is asked to do.
struct PassOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool accumulate = true;           // into leaves; false for grad()
  std::span<Slot* const> wanted{};  // only what leads to these runs, and only these receive; empty: everything
};

inline thread_local bool anomaly_mode = false;

/// True where a record is the only handle to its memory and may be added to in place.
inline bool exclusive(const base::RecordPtr& r) noexcept {
  return r->refs.load(std::memory_order_acquire) == 1 && r->storage->refs.load(std::memory_order_acquire) == 1 && r->slot == nullptr &&
         (r->contiguous || base::order_of_strided(*r) != 0);
}

/// A copy whose axes lie in the given order, not recorded.
[[gnu::noinline]] inline base::RecordPtr copy_in_order(const GradOps& ops, const base::TensorRecord& r, base::AxisOrder order) {
  const NoGrad guard;
  base::RecordPtr out = ops.clone(base::make_alias(r, base::ordered_geometry(r, order)));
  out->shape = r.shape;
  out->strides = base::ordered_strides(r.shape, order);
  out->contiguous = base::is_contiguous(out->shape, out->strides);
  return out;
}

/// One backward pass. Gradients in flight are kept in the slots themselves; a slot that another pass holds (another
/// thread over a shared graph, or a pass inside a hook) is kept in this pass's own list instead.
class Pass {
 public:
  explicit Pass(const PassOptions& options) : options_(options) {
    if (first_order_only && options.create_graph)
      base::raise<AutogradError>("backward", "create_graph needs what TAPER_FIRST_ORDER_ONLY leaves out: compile without it");
    heap_.reserve(8);  // a small graph's lists do not grow step by step
    touched_.reserve(24);
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  bool create_graph() const noexcept { return !first_order_only && options_.create_graph; }
  /// True where another pass may follow through the same graph.
  bool keeps_graph() const noexcept { return options_.retain_graph || options_.create_graph; }
  /// True of a pass that serves chosen inputs only.
  bool selective() const noexcept { return !options_.wanted.empty(); }

  /// Hands `gradient` to a slot; sums with what has arrived there.
  void add(const SlotPtr& slot, base::RecordPtr gradient) {
    if (!slot || !gradient) return;
    if (!slot_wanted(*slot)) return;
    base::RecordPtr& flight = flight_of(slot);
    if (!flight) {
      flight = std::move(gradient);
    } else if (options_.create_graph) {
      flight = slot->ops->add(flight, gradient);
    } else {
      make_exclusive(*slot, flight, base::order_of(*flight));
      slot->ops->add_into(*flight, *gradient);
    }
  }

  /// The buffer that a kernel writes a slot's gradient to, dense in the given order. `fresh` says that it holds nothing yet.
  base::TensorRecord& buffer(const SlotPtr& slot, bool& fresh, base::AxisOrder order = 0) {
    base::RecordPtr& flight = flight_of(slot);
    fresh = !flight;
    if (fresh) {
      flight = slot->ops->empty(slot->shape);
      base::set_order(*flight, order);
    } else {
      make_exclusive(*slot, flight, order);
    }
    return *flight;
  }

  /// The same, of a kernel that reads the gradient at `node`'s only output element by element and writes a gradient of its
  /// kind: the memory is the gradient's own where nobody else needs that.
  base::TensorRecord& buffer(const SlotPtr& slot, const Node& node, bool& fresh, base::AxisOrder order) {
    Slot* from = node.output(0);
    base::RecordPtr* arrived = find(*from);
    if (anomaly_mode || !arrived || !*arrived || !exclusive(*arrived) || find(*slot) || !(slot->shape == from->shape) || slot->ops != from->ops ||
        !base::has_order(**arrived, order))
      return buffer(slot, fresh, order);
    fresh = true;
    base::RecordPtr gradient = std::move(*arrived);
    return *(flight_of(slot) = std::move(gradient));
  }

  bool slot_wanted(const Slot& slot) const {
    if (options_.wanted.empty()) return true;
    if (std::find(options_.wanted.begin(), options_.wanted.end(), &slot) != options_.wanted.end()) return true;
    return slot.producer && needed_.contains(slot.producer);
  }

  /// The gradient that has arrived at output i of a node; null where none did.
  base::RecordPtr gradient(const Node& node, int i = 0) const { return base::RecordPtr::share(arrived(node, i)); }
  /// The same for the length of the node's backward.
  base::TensorRecord* arrived(const Node& node, int i = 0) const {
    Slot* s = output(node, i);
    const base::RecordPtr* flight = s ? find(*s) : nullptr;
    return flight ? flight->get() : nullptr;
  }

  /// Walks the graph under the roots, which the caller holds: they keep every slot and node of the pass alive.
  void run(std::span<const SlotPtr> roots, std::span<base::RecordPtr> seeds) {
    // Also after an exception: no slot keeps a gradient of a pass that is over.
    struct Clear {
      Pass& pass;
      ~Clear() {
        for (Slot* s : pass.touched_) pass.clear(*s);
      }
    } clear{*this};
    if (!options_.wanted.empty()) find_needed(roots);
    const GradMode mode(options_.create_graph);
    for (std::size_t i = 0; i < roots.size(); ++i) add(roots[i], std::move(seeds[i]));
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), shallower);
      Node* node = heap_.back();
      heap_.pop_back();
      step(*node);
    }
    finish_leaves();
  }

  /// What arrived at a wanted slot.
  base::RecordPtr result(const Slot& slot) const {
    for (const Flight& f : results_)
      if (f.slot == &slot) return f.gradient;
    return {};
  }

 private:
  struct Flight {
    const Slot* slot = nullptr;
    base::RecordPtr gradient;
  };

  static bool shallower(const Node* a, const Node* b) { return a->depth() < b->depth(); }

  static void make_exclusive(Slot& slot, base::RecordPtr& flight, base::AxisOrder order) {
    if (!exclusive(flight) || !base::has_order(*flight, order)) flight = copy_in_order(*slot.ops, *flight, order);
  }

  base::RecordPtr* find(Slot& slot) {
    if (slot.pass.load(std::memory_order_acquire) == this) return &slot.flight;
    for (Flight& f : elsewhere_)
      if (f.slot == &slot) return &f.gradient;
    return nullptr;
  }
  const base::RecordPtr* find(Slot& slot) const { return const_cast<Pass*>(this)->find(slot); }

  /// Output i of a node that is in the pass. Of several only those that a gradient has reached, which the pass's roots keep alive: null
  /// in place of the others.
  Slot* output(const Node& node, int i) const {
    return node.output_count() == 1 ? node.output(0) : output_of_several(node, i);
  }
  [[gnu::noinline]] Slot* output_of_several(const Node& node, int i) const {
    const std::lock_guard lock(outputs_mutex());
    Slot* s = node.output(i);
    return s && find(*s) ? s : nullptr;
  }

  /// The place for a slot's gradient; at its first use the slot's producer is queued.
  base::RecordPtr& flight_of(const SlotPtr& slot) {
    if (base::RecordPtr* there = find(*slot)) return *there;
    bool queued = false;
    if (Node* n = slot->producer) {
      if (n->output_count() > 1) [[unlikely]]
        for (int i = 0; i < n->output_count() && !queued; ++i) queued = output_of_several(*n, i) != nullptr;
      if (!queued) {
        heap_.push_back(n);
        std::push_heap(heap_.begin(), heap_.end(), shallower);
      }
    }
    Pass* nobody = nullptr;
    if (slot->pass.compare_exchange(nobody, this)) {
      touched_.push_back(slot.get());
      return slot->flight;
    }
    touched_.push_back(slot.get());
    elsewhere_.push_back({slot.get(), {}});
    return elsewhere_.back().gradient;
  }

  void clear(Slot& slot) noexcept {
    if (slot.pass.load(std::memory_order_acquire) == this) {
      slot.flight = {};
      slot.pass.store(nullptr, std::memory_order_release);
    } else {
      for (Flight& f : elsewhere_)
        if (f.slot == &slot) f = {};
    }
  }

  static void run_hooks(Hook* first, base::RecordPtr& gradient, bool after) {
    if (first) call_hooks(first, gradient, after);
  }
  /// Hooks may take themselves and each other off: those run that were there at the start, as in PyTorch.
  [[gnu::noinline]] static void call_hooks(Hook* first, base::RecordPtr& gradient, bool after) {
    base::PoolVector<base::CountedPtr<Hook>> hooks;
    for (Hook* h = first; h; h = h->next)
      if (h->after_accumulation == after) hooks.push_back(base::CountedPtr<Hook>::share(h));
    for (const auto& hook : hooks)
      if (base::RecordPtr replaced = hook->call(gradient)) gradient = std::move(replaced);
  }

  void keep(Slot& slot, const base::RecordPtr& gradient) {
    if (options_.accumulate || options_.wanted.empty()) return;
    if (std::find(options_.wanted.begin(), options_.wanted.end(), &slot) != options_.wanted.end())
      results_.push_back({&slot, gradient});
  }

  void step(Node& node) {
    for (int i = 0; i < node.output_count(); ++i) {
      Slot* s = output(node, i);
      base::RecordPtr* flight = s ? find(*s) : nullptr;
      if (!flight || !*flight) continue;
      run_hooks(s->hooks, *flight, false);
      if (i == 0) run_hooks(node.hooks, *flight, false);
      keep(*s, *flight);
      if (s->retains || (options_.accumulate && wanted_here(*s))) accumulate(*s, *flight);
    }
    if (!options_.wanted.empty() && !needed_.contains(&node)) return;
    if (node.freed)
      base::raise<AutogradError>("backward", "the graph of ", node.name(),
                                   " has been freed: a graph can be walked once; pass {.retain_graph = true} to the backward before");
    node.backward(*this);
    if (anomaly_mode) inspect(node);
    if (!options_.retain_graph && !options_.create_graph) {
      if (node.remake_users.load(std::memory_order_acquire) > 0) remade_output(node, true);
      node.freed = node.saves;
      node.release_saved();
    }
    // This node's outputs have passed their gradient on: free it before the next one allocates.
    for (int i = 0; i < node.output_count(); ++i)
      if (Slot* s = output(node, i)) clear_flight(*s);
  }

  /// Anomaly mode: a NaN that arrives from clean gradients is named where it was made.
  void inspect(Node& node) {
    for (int i = 0; i < node.output_count(); ++i)
      if (Slot* s = output(node, i))
        if (const base::RecordPtr* g = find(*s); g && *g && s->ops->has_nan(**g)) return;
    for (int i = 0; i < node.input_count(); ++i) {
      const SlotPtr& s = node.input(i);
      const base::RecordPtr* g = s ? find(*s) : nullptr;
      if (!g || !*g || !s->ops->has_nan(**g)) continue;
      node.explain_nan(*this);
      base::raise<AutogradError>("anomaly mode", "the backward of ", node.name(), " gave NaN for input ", i, " of shape ", s->shape);
    }
  }

  bool wanted_here(const Slot& s) const {
    return !options_.wanted.empty() && std::find(options_.wanted.begin(), options_.wanted.end(), &s) != options_.wanted.end();
  }

  void clear_flight(Slot& slot) {
    if (base::RecordPtr* f = find(slot)) *f = {};
  }

  void finish_leaves() {
    for (std::size_t i = 0; i < touched_.size(); ++i) {
      Slot& s = *touched_[i];
      if (!s.is_leaf()) continue;
      base::RecordPtr* flight = find(s);
      if (!flight || !*flight) continue;
      run_hooks(s.hooks, *flight, false);
      keep(s, *flight);
      if (!options_.accumulate || s.frozen) continue;
      base::RecordPtr g = std::move(*flight);
      accumulate(s, std::move(g));
      run_hooks(s.hooks, s.grad, true);
    }
  }

  /// grad += gradient. The first gradient becomes the grad itself where nobody else holds it.
  void accumulate(Slot& s, base::RecordPtr gradient) {
    // Whoever waits looks again after a while instead of being woken, so that the end is a plain store: a notification that
    // nobody waits for may be a call to the system, and an exchange that finds it out costs as much as the lock itself.
    for (int looks = 0; s.grad_busy.exchange(true, std::memory_order_acquire); ++looks)
      looks < 64 ? sched_yield() : usleep(20);
    struct Unlock {
      base::Atomic<bool>& busy;
      ~Unlock() { busy.store(false, std::memory_order_release); }
    } unlock{s.grad_busy};
    if (options_.create_graph) {
      s.grad = s.grad ? s.ops->add(s.grad, gradient) : std::move(gradient);
    } else if (s.grad) {
      s.ops->add_into(*s.grad, *gradient);
    } else {
      const bool taken = exclusive(gradient) && base::has_order(*gradient, s.order);
      s.grad = taken ? std::move(gradient) : copy_in_order(*s.ops, *gradient, s.order);
    }
  }

  /// Marks the nodes that lead to a wanted slot, by depth-first search without recursion.
  void find_needed(std::span<const SlotPtr> roots) {
    struct Frame {
      Node* node;
      int next;
      bool leads;
    };
    base::PoolVector<Frame> stack;
    base::PointerSet visited;
    for (const SlotPtr& root : roots) {
      if (!root->producer || !visited.insert(root->producer)) continue;
      stack.push_back({root->producer, 0, false});
      while (!stack.empty()) {
        Frame& f = stack.back();
        if (f.next == f.node->input_count()) {
          const Frame finished = f;
          if (finished.leads) needed_.insert(finished.node);
          stack.pop_back();
          if (!stack.empty()) stack.back().leads |= finished.leads;
          continue;
        }
        Slot* s = f.node->input(f.next++).get();
        if (!s) continue;
        if (wanted_here(*s)) f.leads = true;
        if (!s->producer) continue;
        if (visited.insert(s->producer)) {
          stack.push_back({s->producer, 0, false});
        } else if (needed_.contains(s->producer)) {
          f.leads = true;
        }
      }
    }
  }

  const PassOptions& options_;
  base::PoolVector<Node*> heap_;
  base::PoolVector<Slot*> touched_;
  base::PoolVector<Flight> elsewhere_;  // gradients of slots that another pass holds
  base::PoolVector<Flight> results_;
  base::PointerSet needed_;  // nodes that lead to a wanted slot
};

}  // namespace taper::inline TAPER_ABI::tape
