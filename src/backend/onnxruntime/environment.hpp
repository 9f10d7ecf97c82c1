// ONNX Runtime's environment, its objects as owned handles, and its failures as Errors.
#pragma once
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <spinel/error.hpp>
#include <spinel/log.hpp>

#include "backend/onnxruntime/library.hpp"

namespace spinel::backend::ort {

/// Where a call failed, which decides what its code means.
enum class Stage { load, run };

/// Calls functions of one library. Cheap to copy; every call throws Error with ONNX Runtime's own message if
/// it fails.
class Api {
 public:
  explicit Api(const Function* table) : table_(table) {}

  /// A function that returns a status.
  template <class... Args>
  void operator()(Stage stage, Fallible<Args...> entry, std::type_identity_t<Args>... args) const {
    check(stage, invoke<Status*, Args...>(table_, entry, args...));
  }
  /// A function that cannot fail.
  template <class Result, class... Args>
  Result plain(Entry<Result(Args...)> entry, std::type_identity_t<Args>... args) const {
    return invoke<Result, Args...>(table_, entry, args...);
  }
  /// A function that returns a status, for the caller to pass to check().
  template <class... Args>
  Status* raw(Fallible<Args...> entry, std::type_identity_t<Args>... args) const {
    return invoke<Status*, Args...>(table_, entry, args...);
  }
  /// Releases the status; throws Error unless it means success.
  void check(Stage stage, Status* status) const;
  void release(Status* status) const { plain(release_status, status); }

 private:
  const Function* table_;
};

/// An object of the library with its release function.
template <class T>
class Handle {
 public:
  Handle(const Api& api, Entry<void(T*)> release) : api_(api), release_(release) {}
  Handle(Handle&& other) noexcept
      : api_(other.api_), release_(other.release_), object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Handle() {
    if (object_ != nullptr) api_.plain(release_, object_);
  }
  T* get() const noexcept { return object_; }
  /// For a function that makes the object.
  T** receive() noexcept { return &object_; }

 private:
  Api api_;
  Entry<void(T*)> release_;
  T* object_ = nullptr;
};

/// The library and its environment: one a library, shared by the engines that use it and released with the
/// last.
class Environment {
 public:
  /// See load_library.
  static std::shared_ptr<Environment> get(const std::string& place);
  explicit Environment(Library library);

  const Library& library() const noexcept { return library_; }
  const Api& api() const noexcept { return api_; }
  const Env* env() const noexcept { return env_.get(); }

 private:
  Library library_;
  Api api_;
  Handle<Env> env_;
};

/// Hands the lines that ONNX Runtime logs under an id of its own to a callback, while it lives.
class LogRoute {
 public:
  explicit LogRoute(LogCallback log);
  LogRoute(const LogRoute&) = delete;
  LogRoute& operator=(const LogRoute&) = delete;
  ~LogRoute();
  const std::string& id() const noexcept { return id_; }

 private:
  std::string id_;
};

}  // namespace spinel::backend::ort
