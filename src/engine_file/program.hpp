// A compiled graph as bytes: the program, and the weights that it points to.
#pragma once
#include <span>
#include <string>
#include <vector>

#include <spinel/limits.hpp>

#include "base/file.hpp"
#include "cpu/isa.hpp"
#include "engine_file/stamp.hpp"
#include "graph/graph.hpp"
#include "ops/custom_op.hpp"

namespace spinel::engine_file {

/// Where tensors begin in the weights' section.
constexpr uint64_t weight_alignment = 64;

struct EncodedProgram {
  std::string program;          ///< Stamp and graph.
  std::vector<Tensor> weights;  ///< Each at the next multiple of weight_alignment, zeros between.
  uint64_t weight_bytes = 0;    ///< Of the section.
};

/// Throws Error(internal) if no table knows a node's operator.
EncodedProgram encode_program(const graph::Graph& graph, const Stamp& stamp);

/// The program's stamp alone. Throws Error(bad_model).
Stamp decode_stamp(std::span<const std::byte> program);

/// The graph, whose floating-point constants are views into the weights; all else is copied. Nothing is
/// believed: operators are made by their factories, types are inferred, and the sizes that kernels trust are
/// checked. Throws Error(bad_model), or unsupported for an operator that is not registered.
graph::Graph decode_program(std::span<const std::byte> program, const Bytes& weights, const cpu::Isa& isa,
                            const Limits& limits, const ops::CustomOpTable& custom_ops = {});

}  // namespace spinel::engine_file
