// Binding: every size as a number, every buffer at its place.
#include <algorithm>

#include "base/text.hpp"
#include "plan/program.hpp"

namespace spinel::plan {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Value;
using graph::ValueId;

constexpr uint64_t alignment = 64;

uint64_t aligned(uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

class NodeSizes final : public graph::ScratchContext {
 public:
  NodeSizes(const Program& program, const Binding& binding, const Node& node)
      : program_(program), binding_(binding), node_(node) {}
  std::span<const int64_t> input_dims(size_t index) const override { return dims(node_.inputs, index); }
  std::span<const int64_t> output_dims(size_t index) const override { return dims(node_.outputs, index); }
  bool complete() const {
    return std::ranges::all_of(node_.inputs, [&](ValueId id) { return known(id); }) &&
           std::ranges::all_of(node_.outputs, [&](ValueId id) { return known(id); });
  }

 private:
  bool known(ValueId id) const { return id == no_value || binding_.sized[static_cast<size_t>(id)]; }
  std::span<const int64_t> dims(const std::vector<ValueId>& ids, size_t index) const {
    if (index >= ids.size() || ids[index] == no_value) return {};
    return program_.dims(binding_, ids[index]);
  }
  const Program& program_;
  const Binding& binding_;
  const Node& node_;
};

class Binder {
 public:
  Binder(const Program& program, const SizeTable& table, const graph::Bindings& symbols)
      : program_(program), graph_(program.graph()), storage_(program.storage()), table_(table) {
    binding_ = std::make_shared<Binding>();
    binding_->sizes = table.evaluate(graph_, symbols);
  }

  std::shared_ptr<const Binding> run() {
    measure_values();
    find_parents();
    request_buffers();
    book_scratch();
    place();
    return binding_;
  }

 private:
  static size_t index(ValueId id) { return static_cast<size_t>(id); }

  void measure_values() {
    const uint64_t limit = program_.limits().max_tensor_bytes;
    binding_->sized.assign(graph_.values.size(), false);
    bytes_.assign(graph_.values.size(), 0);
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (!table_.has_rank(id)) continue;
      const auto dims = table_.dims(binding_->sizes, id);
      if (std::ranges::find(dims, SizeTable::unknown) != dims.end()) continue;
      const Value& value = graph_.values[i];
      binding_->sized[i] = true;
      bytes_[i] = tensor_bytes(value.type.dtype, dims);
      if (limit != 0 && bytes_[i] > limit)
        fail(ErrorCode::limit_exceeded, "value '{}' {}{} has {} bytes; the limit max_tensor_bytes is {}",
             value.name, dtype_name(value.type.dtype), dims_text(dims), bytes_[i], limit);
    }
  }

  /// The buffer that another lies in, and where.
  struct Parent {
    ValueId root = no_value;
    uint64_t offset = 0;
  };

  void find_parents() {
    for (const Join& join : storage_.joins) {
      const ValueId root = storage_.root[index(join.whole)];
      if (!binding_->sized[index(join.whole)] || !binding_->sized[index(root)]) continue;
      const auto dims = table_.dims(binding_->sizes, join.whole);
      const auto outer = dims.first(static_cast<size_t>(join.axis));
      if (std::ranges::any_of(outer, [](int64_t dim) { return dim != 1; })) continue;
      uint64_t offset = 0;
      for (size_t i = 0; i < join.pieces.size(); ++i) {
        const ValueId piece = join.pieces[i];
        if (!binding_->sized[index(piece)]) break;
        if (offset + bytes_[index(piece)] > bytes_[index(join.whole)]) break;
        if (parents_.empty()) parents_.resize(graph_.values.size());
        if (join.placeable[i]) parents_[index(storage_.root[index(piece)])] = {root, offset};
        offset += bytes_[index(piece)];
      }
    }
  }

  /// The outermost buffer that a root lies in, itself included, and where.
  Parent outermost(ValueId root) const {
    Parent at{root, 0};
    while (!parents_.empty() && parents_[index(at.root)].root != no_value) {
      const Parent& next = parents_[index(at.root)];
      at = {next.root, at.offset + next.offset};
    }
    return at;
  }

  void request_buffers() {
    request_of_.assign(graph_.values.size(), -1);
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      if (!storage_.plannable[i] || !binding_->sized[i]) continue;
      const auto top = static_cast<size_t>(outermost(static_cast<ValueId>(i)).root);
      if (storage_.output[top] >= 0) continue;
      int& request = request_of_[top];
      if (request < 0) {
        request = static_cast<int>(requests_.size());
        requests_.push_back({bytes_[top], storage_.first[top], storage_.last[top]});
      }
      BufferRequest& buffer = requests_[static_cast<size_t>(request)];
      buffer.first = std::min(buffer.first, storage_.first[i]);
      buffer.last = std::max(buffer.last, storage_.last[i]);
    }
  }

  void book_scratch() {
    const auto blocks = static_cast<uint64_t>(program_.concurrency());
    binding_->scratch.resize(graph_.nodes.size());
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const NodeSizes sizes(program_, *binding_, graph_.nodes[n]);
      if (!sizes.complete()) continue;
      const graph::Scratch wanted = graph_.nodes[n].op->scratch(sizes);
      ScratchPlace& place = binding_->scratch[n];
      place.bound = true;
      place.thread_stride = aligned(wanted.per_thread_bytes);
      place.thread_offset = aligned(wanted.shared_bytes);
      const uint64_t bytes = place.thread_offset + place.thread_stride * blocks;
      if (bytes == 0) continue;
      binding_->scratch_bytes = std::max(binding_->scratch_bytes, bytes);
      scratch_nodes_.push_back(n);
      requests_.push_back({bytes, static_cast<int>(n), static_cast<int>(n)});
    }
  }

  void place() {
    const auto offsets = place_buffers(requests_, binding_->arena_bytes);
    const uint64_t limit = program_.limits().max_arena_bytes;
    if (limit != 0 && binding_->arena_bytes > limit)
      fail(ErrorCode::limit_exceeded,
           "the activations need {} bytes for these shapes; the limit max_arena_bytes is {}",
           binding_->arena_bytes, limit);
    const size_t buffers = requests_.size() - scratch_nodes_.size();
    for (size_t i = 0; i < scratch_nodes_.size(); ++i) {
      ScratchPlace& place = binding_->scratch[scratch_nodes_[i]];
      place.shared_offset += offsets[buffers + i];
      place.thread_offset += offsets[buffers + i];
    }
    binding_->places.resize(graph_.values.size());
    for (size_t k = 0; k < graph_.inputs.size(); ++k)
      binding_->places[index(graph_.inputs[k])] = {Place::Base::input, static_cast<int>(k), 0};
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const ValueId root = storage_.root[i];
      if (!binding_->sized[i] || !binding_->sized[index(root)] || graph_.values[i].is_constant()) continue;
      Place& place = binding_->places[i];
      if (root != static_cast<ValueId>(i) && bytes_[i] != bytes_[index(root)]) continue;
      if (graph_.value(root).producer == graph::no_node) {
        place = binding_->places[index(root)];
      } else if (storage_.plannable[index(root)]) {
        const Parent top = outermost(root);
        const int output = storage_.output[index(top.root)];
        if (output >= 0)
          place = {Place::Base::output, output, top.offset};
        else
          place = {Place::Base::arena, 0,
                   offsets[static_cast<size_t>(request_of_[index(top.root)])] + top.offset};
      }
    }
  }

  const Program& program_;
  const Graph& graph_;
  const Storage& storage_;
  const SizeTable& table_;
  std::shared_ptr<Binding> binding_;
  std::vector<uint64_t> bytes_;  ///< By ValueId.
  std::vector<Parent> parents_;  ///< By root; empty if there is none.
  std::vector<int> request_of_;  ///< By root.
  std::vector<BufferRequest> requests_;
  std::vector<size_t> scratch_nodes_;  ///< The nodes of the last requests, in order.
};

}  // namespace

std::shared_ptr<const Binding> make_binding(const Program& program, const SizeTable& table,
                                            const graph::Bindings& symbols) {
  return Binder(program, table, symbols).run();
}

}  // namespace spinel::plan
