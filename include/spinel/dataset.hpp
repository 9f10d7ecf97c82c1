// Image folders, and a loader that preprocesses their images into batches ahead of time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spinel/ledger.hpp>
#include <spinel/preprocess.hpp>
#include <spinel/tensor.hpp>

namespace spinel {

/// A file and its class; -1 where the class is not known.
struct Sample {
  std::filesystem::path path;
  int64_t label = -1;
};

/// The files of `folder` in name order (byte order, as Python's sorted). Files and folders whose name begins
/// with '.' and subfolders are left out; what a file holds is not looked at, so one that is no image is
/// rejected later, by name. Throws Error: not_found, io (not readable), bad_data (holds no file).
std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder);

/// `ROOT/CLASS/IMAGE`: classes sorted by name (byte order, as Python's sorted), a class's index is its
/// label, images sorted within their class. Names that begin with '.' are left out.
class ImageFolder {
 public:
  /// Throws Error: not_found or io if the root or one of its class folders cannot be read (it is named),
  /// bad_data if there is no class folder or no image at all.
  explicit ImageFolder(const std::filesystem::path& root);

  const std::vector<std::string>& classes() const noexcept { return classes_; }
  const std::vector<Sample>& samples() const noexcept { return samples_; }
  size_t size() const noexcept { return samples_.size(); }
  /// What lies in the folder and is not part of the dataset, one message each: classes without images (they
  /// keep their label), files beside the class folders, folders inside them.
  const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  std::vector<std::string> classes_;
  std::vector<Sample> samples_;
  std::vector<std::string> notes_;
};

struct DataLoaderOptions {
  int64_t batch_size = 1;  ///< Samples a batch, at least 1.
  int workers = 4;         ///< Threads that preprocess; 0: next() does the work in the caller's thread.
  int prefetch = 2;  ///< Batches prepared ahead of the one returned last; at least 1. Bounds the memory.
  bool drop_last =
      false;      ///< Leave out a last batch of fewer than batch_size samples (counted as `dropped`).
  int rank = 0;   ///< This process's number, 0 to world - 1: it takes samples rank, rank + world, ...
  int world = 1;  ///< Processes that share the dataset. No sample is counted twice: shards may be uneven.
  int64_t max_batches = 0;  ///< Stop after so many; 0 means no limit.
};

/// One batch in the order of the dataset.
struct Batch {
  Tensor tensor;                             ///< [done, 3, H, W]; no rows when every sample was rejected.
  std::vector<int64_t> labels;               ///< One a row; -1 where not known.
  std::vector<size_t> indices;               ///< One a row: the sample's place in the whole dataset.
  std::vector<std::filesystem::path> paths;  ///< One a row.
  std::vector<Rejected> rejected;            ///< Samples of this batch that could not be used.
  double preprocess_seconds = 0;             ///< Work on this batch, summed over its samples (not wall time).
  double wait_seconds = 0;                   ///< How long next() waited for it.

  size_t size() const noexcept { return indices.size(); }
};

/// Preprocesses samples in batches, ahead of time, in worker threads; batches come in order.
///
/// The workers start with the first next(), sleep when there is nothing to do, block all signals, and are
/// joined by the destructor, which waits at most for the images being decoded at that moment. A sample that
/// cannot be used is in the batch's `rejected`; any other failure (no memory, say) is thrown by next(). One
/// thread may use a loader at a time.
class DataLoader {
 public:
  /// Throws Error(invalid_argument) that names the option.
  DataLoader(std::vector<Sample> samples, Preprocessor preprocessor, DataLoaderOptions options = {});
  DataLoader(const ImageFolder& folder, Preprocessor preprocessor, DataLoaderOptions options = {});
  DataLoader(DataLoader&&) noexcept;
  DataLoader& operator=(DataLoader&&) noexcept;
  ~DataLoader();

  /// The next batch, or nothing after the last.
  std::optional<Batch> next();
  /// Begins again with the first batch; batches being prepared are thrown away.
  void restart();

  /// Batches of one pass over this rank's shard.
  size_t batch_count() const noexcept;
  /// Samples of this rank's shard that one pass attempts.
  size_t sample_count() const noexcept;
  /// What the batches returned since the start (or restart) amount to.
  const Ledger& ledger() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spinel
