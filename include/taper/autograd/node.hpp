// SPDX-License-Identifier: MIT
// A step of the tape. The engine sees only its inputs, outputs, depth and backward().
#pragma once

#include <taper/autograd/slot.hpp>

#include <mutex>
#include <string_view>

namespace taper::inline TAPER_ABI::tape {

template <class N>
class NodePtr;

/// What a node makes again: nothing, its output 0, or that with an epilogue over its parts.
enum class Remakes : std::uint8_t { no, alone, with_epilogue };

/// What was recorded for one evaluation: it turns the gradient of its outputs into gradients of its inputs.
class Node {
 public:
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Reads the outputs' gradients from the pass and hands the inputs' gradients to it.
  virtual void backward(Pass& pass) = 0;
  /// Lets go of what was saved for backward.
  virtual void release_saved() noexcept = 0;
  virtual std::string_view name() const noexcept = 0;
  /// Whether output 0 can be made again from what the node keeps for its own backward, by one pass over memory.
  virtual Remakes remakes() const noexcept { return Remakes::no; }
  /// Output 0 again, without history; `epilogue` (an Epilogue, or null) runs over its parts.
  virtual base::RecordPtr remake(const void* /*epilogue*/) { return {}; }
  /// Rows of output 0, a matrix with the columns of its last axis, again; null where the node makes only all of them.
  virtual base::RecordPtr remake_rows(std::int64_t /*first*/, std::int64_t /*rows*/) { return {}; }
  /// In anomaly mode, after backward gave NaN: throws naming the part that made it, where the node has parts.
  virtual void explain_nan(Pass&) {}

  TAPER_INLINE int input_count() const noexcept { return input_count_; }
  TAPER_INLINE const SlotPtr& input(int i) const noexcept { return inputs_[i]; }
  TAPER_INLINE int output_count() const noexcept { return output_count_; }
  /// Of a node with several outputs, which others may drop, to be read under outputs_mutex().
  TAPER_INLINE Slot* output(int i) const noexcept { return outputs_[i]; }
  std::uint64_t depth() const noexcept { return depth_; }

  void set_input(int i, SlotPtr slot) {
    if (slot && slot->producer && slot->producer->depth_ >= depth_) depth_ = slot->producer->depth_ + 1;
    inputs_[i] = std::move(slot);
  }

  bool saves = true;  // something for backward, so that a second pass must be announced
  bool freed = false;
  bool reads_output = false;             // backward needs output 0, made again
  base::Atomic<std::int32_t> remake_users{0};  // who will ask for output 0 again
  base::RecordPtr remade;                // output 0, once it was asked for and as long as others will
  Hook* hooks = nullptr;  // called with the gradient of output 0 before backward

  static void retain(Node* n) noexcept { n->refs_.fetch_add(1, std::memory_order_relaxed); }
  static void release(Node* n) noexcept {
    if (n->refs_.load(std::memory_order_acquire) != 1 && n->refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    // A long chain is taken apart in a loop: what a node frees is queued, not destroyed inside its destructor.
    n->next_ = pending_;
    pending_ = n;
    if (destroying_) return;
    destroying_ = true;
    while (pending_) {
      Node* dead = std::exchange(pending_, pending_->next_);
      dead->destroy();
    }
    destroying_ = false;
  }

 protected:
  Node() = default;
  virtual ~Node() = default;

 private:
  template <class N, class... Args>
  friend N* make_node(int inputs, int outputs, std::size_t extra, Args&&... args);
  friend SlotPtr make_output(Node* node, int index, const GradOps* ops, const Shape& shape);
  template <class N>
  friend SlotPtr make_only_output(NodePtr<N> node, const GradOps* ops, const Shape& shape);
  friend bool drop_output(Node& producer, Slot& s) noexcept;
  friend void destroy_slot(base::SlotBase* base) noexcept;

  void destroy() noexcept {
    for (int i = 0; i < input_count_; ++i) inputs_[i].~SlotPtr();
    release_hooks(hooks);
    const std::size_t bytes = bytes_;
    void* block = block_;
    this->~Node();
    base::deallocate_object(block, bytes);
  }

  base::Atomic<std::int32_t> refs_{1};
  int input_count_ = 0, output_count_ = 0;
  SlotPtr* inputs_ = nullptr;
  Slot** outputs_ = nullptr;  // not owned: a slot that dies clears its entry
  std::uint64_t depth_ = 0;   // above the depth of every producer of an input: an order for backward without counting uses
  std::size_t bytes_ = 0;
  void* block_ = nullptr;
  Node* next_ = nullptr;

  static inline thread_local Node* pending_ = nullptr;
  static inline thread_local bool destroying_ = false;
};

/// A node with room behind it for its inputs, outputs and `extra` more bytes. The caller holds the one reference.
template <class N, class... Args>
N* make_node(int inputs, int outputs, std::size_t extra, Args&&... args) {
  constexpr std::size_t head = (sizeof(N) + 15) / 16 * 16;
  const std::size_t lists = (static_cast<std::size_t>(inputs + outputs) * sizeof(void*) + 15) / 16 * 16;
  const std::size_t bytes = head + lists + extra;
  auto* block = static_cast<std::byte*>(base::allocate_object(bytes));
  N* node = ::new (block) N(std::forward<Args>(args)...);
  Node* base = node;
  base->bytes_ = bytes;
  base->block_ = block;
  base->input_count_ = inputs;
  base->output_count_ = outputs;
  base->inputs_ = reinterpret_cast<SlotPtr*>(block + head);
  base->outputs_ = reinterpret_cast<Slot**>(block + head + static_cast<std::size_t>(inputs) * sizeof(void*));
  for (int i = 0; i < inputs; ++i) ::new (base->inputs_ + i) SlotPtr;
  for (int i = 0; i < outputs; ++i) base->outputs_[i] = nullptr;
  return node;
}

/// Where the extra bytes of a node begin.
template <class N>
std::byte* extra_of(N* node) {
  constexpr std::size_t head = (sizeof(N) + 15) / 16 * 16;
  const std::size_t lists = (static_cast<std::size_t>(node->input_count() + node->output_count()) * sizeof(void*) + 15) / 16 * 16;
  return reinterpret_cast<std::byte*>(node) + head + lists;
}

/// Held where the outputs of a node with several are looked at: a thread may drop one while another's pass goes through the rest.
inline std::mutex& outputs_mutex() {
  static auto* mutex = new std::mutex;  // outlives every static
  return *mutex;
}

/// False where share_output() has taken the slot meanwhile.
[[gnu::noinline]] inline bool drop_output(Node& producer, Slot& s) noexcept {
  const std::lock_guard lock(outputs_mutex());
  if (s.refs.load(std::memory_order_acquire) > 1 && s.refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
  for (int i = 0; i < producer.output_count_; ++i)
    if (producer.outputs_[i] == &s) producer.outputs_[i] = nullptr;
  return true;
}

inline void destroy_slot(base::SlotBase* base) noexcept {
  auto* s = static_cast<Slot*>(base);
  Node* producer = s->producer;
  if (producer) {
    if (producer->output_count_ == 1) producer->outputs_[0] = nullptr;
    else if (!drop_output(*producer, *s)) return;
  }
  release_hooks(s->hooks);
  s->~Slot();
  base::deallocate_object(s, sizeof(Slot));
  if (producer) Node::release(producer);
}

inline SlotPtr make_slot(const GradOps* ops, const Shape& shape) {
  auto* s = ::new (base::allocate_object(sizeof(Slot))) Slot;
  s->destroy = &destroy_slot;
  s->ops = ops;
  s->shape = shape;
  return SlotPtr(s);
}

/// The slot of a node's output: it keeps the node alive.
inline SlotPtr make_output(Node* node, int index, const GradOps* ops, const Shape& shape) {
  SlotPtr s = make_slot(ops, shape);
  Node::retain(node);
  s->producer = node;
  node->outputs_[index] = s.get();
  return s;
}

/// A handle to output 0 of a node that runs; made anew where its tensor is gone, which others of a node's outputs may outlive.
inline SlotPtr share_output(Node& node, const GradOps* ops, const Shape& shape) {
  if (node.output_count() == 1) return SlotPtr::share(node.output(0));
  const std::lock_guard lock(outputs_mutex());
  if (Slot* s = node.output(0); s && s->refs.load(std::memory_order_acquire) > 0) return SlotPtr::share(s);
  return make_output(&node, 0, ops, shape);
}

/// A counted handle to a node.
template <class N>
class NodePtr {
 public:
  explicit NodePtr(N* owned) noexcept : p_(owned) {}
  NodePtr(const NodePtr&) = delete;
  NodePtr& operator=(const NodePtr&) = delete;
  NodePtr(NodePtr&& other) noexcept : p_(other.detach()) {}
  ~NodePtr() {
    if (p_) Node::release(p_);
  }
  N* get() const noexcept { return p_; }
  N* operator->() const noexcept { return p_; }
  N* detach() noexcept { return std::exchange(p_, nullptr); }

 private:
  N* p_;
};

/// The slot of the only output of a node that nobody else holds from here on.
template <class N>
SlotPtr make_only_output(NodePtr<N> node, const GradOps* ops, const Shape& shape) {
  SlotPtr s = make_slot(ops, shape);
  s->producer = node.detach();
  s->producer->outputs_[0] = s.get();
  return s;
}

}  // namespace taper::inline TAPER_ABI::tape
