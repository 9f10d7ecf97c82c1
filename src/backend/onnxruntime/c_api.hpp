// The part of ONNX Runtime's C API that is used here, declared by position.
//
// The library exports one function, OrtGetApiBase, which hands out a table of functions for a version. Tables
// only ever grow at their end, so a position means the same function in every later release.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace spinel::backend::ort {

/// The version of the table that is asked for, that of release 1.16, which is the oldest one that works.
inline constexpr uint32_t api_version = 16;

// The library's objects, known by pointer only.
struct Allocator;
struct Env;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct Status;       ///< Null means success.
struct TensorShape;  ///< Element type and dims of a tensor.
struct TypeInfo;
struct Value;

using Function = void (*)();

/// What OrtGetApiBase returns.
struct ApiBase {
  const Function* (*get_api)(uint32_t version);  ///< Null for a version that is not known.
  const char* (*get_version)();                  ///< "1.16.3"
};
using GetApiBase = const ApiBase* (*)();

using LogFunction = void (*)(void* user, int severity, const char* category, const char* log_id,
                             const char* code_location, const char* message);

/// One function of the table.
template <class Signature>
struct Entry {
  size_t position;
};
template <class... Args>
using Fallible = Entry<Status*(Args...)>;

inline constexpr Entry<int(const Status*)> get_error_code{1};
inline constexpr Entry<const char*(const Status*)> get_error_message{2};
inline constexpr Fallible<LogFunction, void*, int, const char*, Env**> create_env_with_custom_logger{4};
inline constexpr Fallible<const Env*> disable_telemetry_events{6};
inline constexpr Fallible<const Env*, const void*, size_t, const SessionOptions*, Session**>
    create_session_from_array{8};
inline constexpr Fallible<Session*, const RunOptions*, const char* const*, const Value* const*, size_t,
                          const char* const*, size_t, Value**>
    run_session{9};
inline constexpr Fallible<SessionOptions**> create_session_options{10};
inline constexpr Fallible<SessionOptions*, int> set_session_execution_mode{13};
inline constexpr Fallible<SessionOptions*, const char*> set_session_log_id{20};
inline constexpr Fallible<SessionOptions*, int> set_session_log_severity{22};
inline constexpr Fallible<SessionOptions*, int> set_graph_optimization_level{23};
inline constexpr Fallible<SessionOptions*, int> set_intra_op_threads{24};
inline constexpr Fallible<SessionOptions*, int> set_inter_op_threads{25};
inline constexpr Fallible<const Session*, size_t*> get_input_count{30};
inline constexpr Fallible<const Session*, size_t*> get_output_count{31};
inline constexpr Fallible<const Session*, size_t, TypeInfo**> get_input_type{33};
inline constexpr Fallible<const Session*, size_t, TypeInfo**> get_output_type{34};
inline constexpr Fallible<const Session*, size_t, Allocator*, char**> get_input_name{36};
inline constexpr Fallible<const Session*, size_t, Allocator*, char**> get_output_name{37};
inline constexpr Fallible<RunOptions**> create_run_options{39};
inline constexpr Fallible<RunOptions*> set_terminate{46};
inline constexpr Fallible<Allocator*, const int64_t*, size_t, int, Value**> create_tensor{48};
inline constexpr Fallible<const MemoryInfo*, void*, size_t, const int64_t*, size_t, int, Value**>
    create_tensor_with_data{49};
inline constexpr Fallible<Value*, void**> get_tensor_data{51};
inline constexpr Fallible<const Value*, size_t*> get_string_bytes{53};
inline constexpr Fallible<const Value*, void*, size_t, size_t*, size_t> get_string_content{54};
inline constexpr Fallible<const TypeInfo*, const TensorShape**> cast_to_tensor_info{55};
inline constexpr Fallible<const TensorShape*, int*> get_element_type{60};
inline constexpr Fallible<const TensorShape*, size_t*> get_rank{61};
inline constexpr Fallible<const TensorShape*, int64_t*, size_t> get_dims{62};
inline constexpr Fallible<const TensorShape*, const char**, size_t> get_dim_names{63};
inline constexpr Fallible<const Value*, TensorShape**> get_tensor_info{65};
inline constexpr Fallible<const Value*, int*> get_value_type{67};
inline constexpr Fallible<int, int, MemoryInfo**> create_cpu_memory_info{69};
inline constexpr Fallible<Allocator*, void*> allocator_free{76};
inline constexpr Fallible<Allocator**> get_default_allocator{78};
inline constexpr Fallible<const Value*, int, Allocator*, Value**> get_value{80};
inline constexpr Fallible<const Value*, size_t*> get_value_count{81};
inline constexpr Fallible<const Value* const*, size_t, int, Value**> create_value{82};
inline constexpr Entry<void(Env*)> release_env{92};
inline constexpr Entry<void(Status*)> release_status{93};
inline constexpr Entry<void(MemoryInfo*)> release_memory_info{94};
inline constexpr Entry<void(Session*)> release_session{95};
inline constexpr Entry<void(Value*)> release_value{96};
inline constexpr Entry<void(RunOptions*)> release_run_options{97};
inline constexpr Entry<void(TypeInfo*)> release_type_info{98};
inline constexpr Entry<void(TensorShape*)> release_tensor_info{99};
inline constexpr Entry<void(SessionOptions*)> release_session_options{100};
inline constexpr Fallible<SessionOptions*, const char*, const char*> add_session_config{130};
inline constexpr Fallible<const Value*, int*> has_value{192};
inline constexpr Fallible<SessionOptions*, const char* const*, const Value* const*, size_t>
    add_external_initializers{210};
inline constexpr Fallible<Value*, size_t, size_t, char**> resize_string_element{252};

/// Calls a function of the table.
template <class Result, class... Args>
Result invoke(const Function* table, Entry<Result(Args...)> entry, std::type_identity_t<Args>... args) {
  return reinterpret_cast<Result (*)(Args...)>(table[entry.position])(args...);
}

namespace severity {
inline constexpr int warning = 2;
inline constexpr int fatal = 4;
}  // namespace severity

/// The codes of a Status that are told apart.
namespace code {
inline constexpr int invalid_argument = 2;
inline constexpr int no_such_file = 3;
inline constexpr int engine_error = 5;
inline constexpr int not_implemented = 9;
inline constexpr int provider_failed = 11;
}  // namespace code

/// The kinds of a Value.
namespace kind {
inline constexpr int tensor = 1;
inline constexpr int sequence = 2;
}  // namespace kind

inline constexpr int sequential_execution = 0;
inline constexpr int all_optimizations = 99;
inline constexpr int arena_allocator = 1;
inline constexpr int default_memory = 0;

}  // namespace spinel::backend::ort
