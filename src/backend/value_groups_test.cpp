// Values read out of a run together.
#include "backend/value_groups.hpp"

#include <catch2/catch.hpp>

using namespace spinel;
using backend::group_values;

namespace {

LayerValue floats(int64_t count) {
  LayerValue value;
  value.dtype = DType::float32;
  value.dims = {count};
  return value;
}

std::vector<size_t> sizes(const std::vector<LayerValue>& values) {
  std::vector<size_t> out;
  for (const auto& group : group_values(values, 64)) out.push_back(group.size());
  return out;
}

}  // namespace

TEST_CASE("groups keep the order and the limit") {
  CHECK(sizes({}).empty());
  CHECK(sizes({floats(8), floats(8), floats(1), floats(15)}) == std::vector<size_t>{2, 2});
  CHECK(sizes({floats(1), floats(100), floats(1), floats(15)}) == std::vector<size_t>{1, 1, 2});
}

TEST_CASE("a value of unknown dims counts as a sixteenth") {
  std::vector<LayerValue> values(17, floats(-1));
  CHECK(sizes(values) == std::vector<size_t>{16, 1});
}

TEST_CASE("an unknown name is refused with one that is alike") {
  const std::vector<std::string> known{"conv1", "layer2/relu"};
  CHECK_NOTHROW(backend::require_values(known, known));
  const std::vector<std::string> wanted{"layer2/sum"};
  CHECK_THROWS_WITH(backend::require_values(wanted, known), Catch::Contains("'layer2/relu'"));
}
