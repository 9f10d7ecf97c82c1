// The way of one batch through an engine: check, pad, split, run, put together.
#pragma once
#include <span>
#include <vector>

#include <spinel/engine.hpp>

#include "backend/backend.hpp"
#include "runtime/batch_split.hpp"
#include "runtime/lease.hpp"
#include "runtime/thread_pool.hpp"

namespace spinel::api {

/// What a run uses of its engine.
struct RunResources {
  const backend::Model& model;
  const EngineOptions& options;
  runtime::LeasePool<backend::Replica>& replicas;
  runtime::ThreadPool& threads;
  int spas;
};

/// Runs a batch whose inputs are in the model's order. Defined outputs are filled, the others receive owned
/// tensors. Throws Error.
void run_batch(const RunResources& resources, std::vector<Tensor> inputs, std::span<Tensor> outputs,
               const CancelToken* cancel);

}  // namespace spinel::api
