// What an engine file was built with, against what a caller asks for.
#pragma once
#include "backend/backend.hpp"
#include "cpu/isa.hpp"
#include "engine_file/stamp.hpp"

namespace spinel::backend {

/// Of a program that is compiled with these options from an ONNX file of that size. `passes`: the text that
/// configured the passes.
engine_file::Stamp make_stamp(const CompileOptions& options, const cpu::Isa& isa, std::string passes,
                              uint64_t model_bytes);

/// The text of pass_path or pass_json; empty if neither is given. Throws Error.
std::string pass_text(const CompileOptions& options);

/// Throws Error(unsupported) that says what differs and how to build what was asked for. What the options
/// leave open is whatever the file has.
void check_stamp(const engine_file::Stamp& stamp, const CompileOptions& options);

}  // namespace spinel::backend
