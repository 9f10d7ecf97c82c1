// What a spinel_engine holds.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <spinel/engine.hpp>

#include "boundary.hpp"

struct spinel_engine {
  explicit spinel_engine(spinel::InferEngine made);

  /// The C view of a TensorInfo: pointers into this handle.
  struct Port {
    explicit Port(const spinel::TensorInfo& from);

    const spinel::TensorInfo* info;
    std::vector<const char*> dim_names;
    std::unique_ptr<Port> element;  ///< What is in a sequence or an optional.
    spinel_tensor_info fields;
  };

  /// The C view of a PassReport, likewise.
  struct Pass {
    const spinel::PassReport* report;
    std::vector<spinel_pass_note> notes;
    std::vector<spinel_pass_found> found;
  };

  spinel::InferEngine engine;
  std::string arithmetic;
  spinel::BatchReport batch;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  std::vector<Pass> passes;
};
