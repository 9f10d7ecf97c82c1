#include "onnx/write.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/file.hpp"
#include "onnx/editable_model.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"

namespace spinel::onnx {
namespace {

namespace fs = std::filesystem;

/// A folder of the test's own.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "spinel-write-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path save_sample(const Folder& folder) {
  test::ModelGraph graph;
  graph.input("x", DType::float32, {"n", int64_t{64}})
      .constant("w", test::random_floats({64, 96}, 1))
      .constant("b", test::random_floats({96}, 2))
      .node("Gemm", {"x", "w", "b"}, {"y"})
      .output("y", DType::float32);
  const std::vector<std::byte> bytes = graph.model();
  write_file(folder / "in.onnx", bytes);
  return folder / "in.onnx";
}

spinel::Tensor constant_of(const fs::path& path, std::string_view name) {
  const ModelSource source = open_model(path, {});
  const graph::Graph graph = import_model(source, {}, nullptr);
  return graph.value(graph.find_value(name)).constant.clone();
}

bool same_bytes(const spinel::Tensor& a, const spinel::Tensor& b) {
  return a.dims() == b.dims() && a.size_bytes() == b.size_bytes() &&
         std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE("a model is written with its weights inside or beside it") {
  const Folder folder;
  const fs::path in = save_sample(folder);
  for (const bool external : {false, true}) {
    EditableModel model(in, {});
    WriteOptions options;
    options.external_data = external;
    StagedFiles files(folder.path(), "out.onnx");
    const Written written = write_model(model.model(), files, "out.onnx", options);
    CHECK(fs::exists(folder / "out.onnx") == external);  // From the first round; replaced at commit.
    files.commit();
    CHECK(written.model_bytes == fs::file_size(folder / "out.onnx"));
    CHECK(written.data_name == (external ? "out.onnx.data" : ""));
    if (external) {
      CHECK(fs::file_size(folder / "out.onnx.data") == written.data_bytes);
      CHECK(written.model_bytes < 2000);  // b, of 384 bytes, stays inside
    }
    for (const char* name : {"w", "b"})
      CHECK(same_bytes(constant_of(folder / "out.onnx", name), constant_of(in, name)));
  }
  // External data is read back into the model and can be written inside again.
  EditableModel model(folder / "out.onnx", {});
  CHECK(model.external_files() == std::set<std::string>{"out.onnx.data"});
  StagedFiles files(folder.path(), "again.onnx");
  CHECK(write_model(model.model(), files, "again.onnx").data_name.empty());
  files.commit();
  CHECK(same_bytes(constant_of(folder / "again.onnx", "w"), constant_of(in, "w")));
}

TEST_CASE("a model that does not fit into one file gets external data unasked") {
  const Folder folder;
  EditableModel model(save_sample(folder), {});
  WriteOptions options;
  options.max_file_bytes = 10'000;
  StagedFiles files(folder.path(), "out.onnx");
  CHECK(write_model(model.model(), files, "out.onnx", options).data_name == "out.onnx.data");
  options.max_file_bytes = 300;
  CHECK_THROWS_WITH(write_model(model.model(), files, "none.onnx", options),
                    Catch::Contains("beside its external data"));
}

TEST_CASE("files that are not committed leave nothing") {
  const Folder folder;
  EditableModel model(save_sample(folder), {});
  {
    StagedFiles files(folder.path(), "out.onnx");
    write_model(model.model(), files, "out.onnx");
    CHECK(folder.entries() == 2);
  }
  CHECK(folder.entries() == 1);
  CHECK_THROWS_WITH(StagedFiles(folder / "none", "out.onnx"), Catch::Contains("none/out.onnx"));
}

TEST_CASE("copies and names of an editable model are its own") {
  const Folder folder;
  EditableModel model(save_sample(folder), {});
  Node copy = model.copy(model.model().graph.nodes[0]);
  CHECK(copy.op_type == "Gemm");
  CHECK(copy.inputs == model.model().graph.nodes[0].inputs);
  CHECK(model.unused_name("w") == "w_1");
  CHECK(model.unused_name("w") == "w_2");
  CHECK(model.unused_name("new") == "new");
  CHECK(model.opset() == 17);
}

}  // namespace spinel::onnx
