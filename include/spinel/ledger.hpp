// Bookkeeping of samples, so that none is lost: attempted = done + rejected.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <spinel/error.hpp>

namespace spinel {

/// A sample that could not be used, and why.
struct Rejected {
  size_t index = 0;  ///< Its place in the list, folder or dataset that it came from.
  std::string path;  ///< The file, or the name that came with the bytes.
  ErrorCode code = ErrorCode::internal;
  std::string reason;  ///< The complete message; it contains the path.
};

/// Counts of samples. Not synchronised.
struct Ledger {
  size_t attempted = 0;
  size_t done = 0;
  std::vector<Rejected> rejected;  ///< In the order of the samples.
  size_t dropped = 0;              ///< Never attempted: the short last batch under drop_last.

  bool balanced() const noexcept { return attempted == done + rejected.size(); }
  void add(const Ledger& other) {
    attempted += other.attempted;
    done += other.done;
    dropped += other.dropped;
    rejected.insert(rejected.end(), other.rejected.begin(), other.rejected.end());
  }
};

}  // namespace spinel
