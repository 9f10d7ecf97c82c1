/* Spinel's C ABI: run ONNX models on tensors and images. C99 and C++11.
 *
 * Codes and errors. Functions that can fail return an int32_t: SPINEL_OK (0) or another spinel_code. The last
 * parameter, spinel_error **error, may be NULL. On failure it receives a new error that the caller releases
 * with spinel_error_release(); on success it is left alone. What it pointed to before is never released.
 * Every function may answer SPINEL_INVALID_ARGUMENT (a pointer that must not be NULL, a struct_size, flag,
 * number or text that is not what it takes), SPINEL_NOT_FOUND (an index or name of what does not exist),
 * SPINEL_UNSUPPORTED (a field of a struct that this version does not know), SPINEL_OUT_OF_MEMORY and
 * SPINEL_INTERNAL; comments name the other codes, and these where it is not plain what they stand for.
 *
 * Failure. On failure every output is as it was before the call and nothing needs cleaning up, except where a
 * comment says otherwise. No exception, signal, exit or abort comes out of the library, and it prints
 * nothing.
 *
 * Ownership. Handles (spinel_engine and the like) are released by their release function, which takes NULL.
 * "Borrowed until X" means that a pointer which the library gives is valid until then and is not to be freed.
 * Arguments are borrowed for the duration of the call unless a comment says otherwise.
 *
 * Threads. "Any thread" means that the function may be called from several threads at once, with the same
 * handle too. Releasing a handle must be the last use of it.
 *
 * Structs that begin with struct_size may grow at their end in later versions. Set it to sizeof the struct,
 * or let the init function do it; fields unknown to an older library must be zero. The others never change.
 *
 * Text is UTF-8 and ends with NUL. Dims are int64_t, outermost first; tensors are dense and row-major. */
#ifndef SPINEL_H
#define SPINEL_H

#include <stddef.h>
#include <stdint.h>

#define SPINEL_VERSION_MAJOR 0
#define SPINEL_VERSION_MINOR 1
#define SPINEL_VERSION_PATCH 0

#if defined(__GNUC__)
#define SPINEL_API __attribute__((visibility("default")))
#else
#define SPINEL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Numbers --------------------------------------------------------------------------------------------
 */

/* What a call came to. */
enum spinel_code {
  SPINEL_OK = 0,
  SPINEL_INVALID_ARGUMENT = 1, /* An option, pointer, shape, dtype or name is not what the call takes. */
  SPINEL_NOT_FOUND = 2,        /* A file, folder, input, output or target that was named does not exist. */
  SPINEL_IO = 3,               /* The operating system failed to read or write. */
  SPINEL_BAD_MODEL = 4,        /* The ONNX file is damaged or breaks the specification. */
  SPINEL_BAD_DATA = 5,         /* An image, array or label file is damaged or not of a known format. */
  SPINEL_UNSUPPORTED = 6,      /* Valid, but this build or version cannot do it. */
  SPINEL_LIMIT_EXCEEDED = 7,   /* One of the limits in spinel_limits would be exceeded. */
  SPINEL_OUT_OF_MEMORY = 8,
  SPINEL_CANCELLED = 9, /* The caller cancelled the work. */
  SPINEL_RELEASED = 10, /* The engine was released. */
  SPINEL_INTERNAL = 11  /* A fault of Spinel itself; please report it. */
};

/* Element types, numbered as in ONNX's TensorProto.DataType. */
enum spinel_dtype {
  SPINEL_UNDEFINED = 0,
  SPINEL_FLOAT32 = 1,
  SPINEL_UINT8 = 2,
  SPINEL_INT8 = 3,
  SPINEL_UINT16 = 4,
  SPINEL_INT16 = 5,
  SPINEL_INT32 = 6,
  SPINEL_INT64 = 7,
  SPINEL_STRING = 8, /* The elements are spinel_string. */
  SPINEL_BOOL = 9,   /* One byte, 0 or 1. */
  SPINEL_FLOAT16 = 10,
  SPINEL_FLOAT64 = 11,
  SPINEL_UINT32 = 12,
  SPINEL_UINT64 = 13,
  SPINEL_COMPLEX64 = 14,
  SPINEL_COMPLEX128 = 15,
  SPINEL_BFLOAT16 = 16,
  SPINEL_FLOAT8E4M3FN = 17,
  SPINEL_FLOAT8E4M3FNUZ = 18,
  SPINEL_FLOAT8E5M2 = 19,
  SPINEL_FLOAT8E5M2FNUZ = 20,
  SPINEL_UINT4 = 21, /* Two a byte, the first in the low half. */
  SPINEL_INT4 = 22,
  SPINEL_FLOAT4E2M1 = 23,
  SPINEL_FLOAT8E8M0 = 24,
  SPINEL_UINT2 = 25,
  SPINEL_INT2 = 26
};

/* What an input, an output or a spinel_value is. Models with others than tensors are run by
 * spinel_engine_run_values(); the other functions that run refuse them. */
enum spinel_value_kind { SPINEL_KIND_TENSOR = 0, SPINEL_KIND_SEQUENCE = 1, SPINEL_KIND_OPTIONAL = 2 };

/* Whether a batch may be split over the SPAs (the compute partitions of an engine). */
enum spinel_split {
  SPINEL_SPLIT_PROVEN = 0, /* Only if every output row is proven to depend on its own input row alone. */
  SPINEL_SPLIT_NEVER = 1,  /* One SPA runs the whole batch. */
  SPINEL_SPLIT_ALWAYS = 2  /* Along axis 0, without a proof: the caller answers for the result. */
};

enum spinel_log_level {
  SPINEL_LOG_DEBUG = 0,
  SPINEL_LOG_INFO = 1,
  SPINEL_LOG_WARNING = 2,
  SPINEL_LOG_ERROR = 3
};

enum spinel_interpolation {
  SPINEL_BILINEAR = 0, /* With antialias, as Pillow does it. */
  SPINEL_BICUBIC = 1,  /* With antialias. */
  SPINEL_NEAREST = 2
};

/* ---- Version, names, errors -----------------------------------------------------------------------------
 */

/* The library's version, "0.1.0". Borrowed for ever. Any thread. */
SPINEL_API const char* spinel_version(void);

/* The name of a spinel_code, "bad_model"; "ok" for 0, "unknown" for others. Borrowed for ever. Any thread. */
SPINEL_API const char* spinel_code_name(int32_t code);

/* The name of a spinel_dtype, "float32"; "unknown" for other numbers. Borrowed for ever. Any thread. */
SPINEL_API const char* spinel_dtype_name(int32_t dtype);

/* A failure: its code, message and node. Immutable. */
typedef struct spinel_error spinel_error;

/* The spinel_code; SPINEL_OK for NULL. Any thread. */
SPINEL_API int32_t spinel_error_code(const spinel_error* error);

/* What failed, where, why and what to do about it; "" for NULL. Borrowed until the error is released. Any
 * thread. */
SPINEL_API const char* spinel_error_message(const spinel_error* error);

/* The name of the ONNX node that failed; "" if there is none and for NULL. Borrowed until the error is
 * released. Any thread. */
SPINEL_API const char* spinel_error_node(const spinel_error* error);

/* Frees the error; NULL is ignored. Any thread. */
SPINEL_API void spinel_error_release(spinel_error* error);

/* A list of texts. Immutable. */
typedef struct spinel_strings spinel_strings;

/* The number of texts; 0 for NULL. Any thread. */
SPINEL_API size_t spinel_strings_count(const spinel_strings* strings);

/* One text; NULL if index is too high and for NULL. Borrowed until the list is released. Any thread. */
SPINEL_API const char* spinel_strings_get(const spinel_strings* strings, size_t index);

/* Frees the list; NULL is ignored. Any thread. */
SPINEL_API void spinel_strings_release(spinel_strings* strings);

/* The names of the targets of this build, the default first. The caller owns *targets. Any thread. */
SPINEL_API int32_t spinel_available_targets(spinel_strings** targets, spinel_error** error);

/* ---- Tensors --------------------------------------------------------------------------------------------
 */

/* An element of a SPINEL_STRING tensor. What the library returns also ends with a NUL that is not counted. */
typedef struct spinel_string {
  const char* data;
  size_t size_bytes;
} spinel_string;

/* Dims alone. */
typedef struct spinel_shape {
  const int64_t* dims;
  size_t rank;
} spinel_shape;

/* A tensor in the caller's memory, or one that the library allocated.
 *
 * As an input: dtype, dims and data are given and size_bytes is exactly the size of the elements.
 * As an output with data: the result is written there. dtype and dims must be the result's (ask
 * spinel_engine_output_dims), size_bytes is the room and may be more than is needed. No field is changed.
 * As an output without data (NULL): the library allocates and on success fills in every field; the caller
 * gives it back with spinel_tensor_release(). This works for every output, and is the only way for those
 * whose size only running tells and for SPINEL_STRING.
 *
 * In an array of tensors all have the same struct_size. data must be aligned to its element type. Buffers
 * that are written to must not overlap with others, except as the engine's aliases say. */
typedef struct spinel_tensor {
  size_t struct_size;
  void* data;          /* An input's data is only read. */
  size_t size_bytes;   /* Of data. */
  const int64_t* dims; /* May be NULL if rank is 0. */
  size_t rank;
  int32_t dtype;    /* spinel_dtype */
  int32_t reserved; /* 0 */
  void* owner;      /* The library's; NULL in a tensor of the caller's. */
} spinel_tensor;

/* Sets struct_size and zeros the rest: an output to be allocated. NULL is ignored. Any thread. */
SPINEL_API void spinel_tensor_init(spinel_tensor* tensor, size_t struct_size);

/* Frees what the library allocated and zeros data, size_bytes, dims, rank and owner. A tensor whose owner is
 * NULL is left as it is; NULL is ignored. Not on a tensor that another thread uses; copies of the struct die
 * with it. */
SPINEL_API void spinel_tensor_release(spinel_tensor* tensor);

/* The bytes that a dense tensor takes. SPINEL_INVALID_ARGUMENT for an unknown dtype, negative dims and
 * overflow. Any thread. */
SPINEL_API int32_t spinel_tensor_bytes(int32_t dtype, const int64_t* dims, size_t rank, size_t* size_bytes,
                                       spinel_error** error);

/* ---- Values: tensors, sequences, optionals --------------------------------------------------------------
 */

/* What a model takes and gives: a tensor, a sequence of values, or an optional without an element. A filled
 * optional is its element, as it is in ONNX Runtime. Values are immutable and share their elements: each may
 * be released before or after those that it was made from. */
typedef struct spinel_value spinel_value;

/* Makes a value of a tensor with data. What the library allocated is shared with *tensor, which may be
 * released at once. The caller's memory is not copied either: it must stay as it is until the value, and all
 * sequences that it was put into, are released (SPINEL_STRING is copied). The caller owns *value. Any thread.
 */
SPINEL_API int32_t spinel_value_create_tensor(const spinel_tensor* tensor, spinel_value** value,
                                              spinel_error** error);

/* Makes a sequence of count values, which may be 0; elements may be NULL then. The caller owns *value. Any
 * thread. */
SPINEL_API int32_t spinel_value_create_sequence(const spinel_value* const* elements, size_t count,
                                                spinel_value** value, spinel_error** error);

/* Makes an optional without an element. The caller owns *value. Any thread. */
SPINEL_API int32_t spinel_value_create_empty(spinel_value** value, spinel_error** error);

/* The spinel_value_kind: of what is in it for a filled optional, SPINEL_KIND_OPTIONAL for one without an
 * element and for NULL. Any thread. */
SPINEL_API int32_t spinel_value_get_kind(const spinel_value* value);

/* The number of a sequence's elements; 0 for other values and for NULL. Any thread. */
SPINEL_API size_t spinel_value_count(const spinel_value* value);

/* An element of a sequence. The caller owns *element. SPINEL_INVALID_ARGUMENT if it is no sequence,
 * SPINEL_NOT_FOUND if index is too high. Any thread. */
SPINEL_API int32_t spinel_value_get_element(const spinel_value* value, size_t index, spinel_value** element,
                                            spinel_error** error);

/* The tensor of a value, as an output (see spinel_tensor): copied to tensor->data, whose dtype and dims must
 * be those of the value; with data NULL the library fills in every field with what the value has, shared with
 * it and thus only to be read (memory of the caller's is copied), and the caller gives it back with
 * spinel_tensor_release(). SPINEL_INVALID_ARGUMENT if the value is no tensor. Any thread. */
SPINEL_API int32_t spinel_value_get_tensor(const spinel_value* value, spinel_tensor* tensor,
                                           spinel_error** error);

/* Frees the value; NULL is ignored. Any thread. */
SPINEL_API void spinel_value_release(spinel_value* value);

/* ---- Loading an engine ----------------------------------------------------------------------------------
 */

/* Upper bounds on what models and images may ask for; exceeding one is SPINEL_LIMIT_EXCEEDED. 0: no limit. */
typedef struct spinel_limits {
  size_t struct_size;
  uint64_t max_model_bytes;  /* An ONNX file together with its external data. 16 GiB. */
  uint64_t max_tensor_bytes; /* One tensor, constant or computed. 8 GiB. */
  uint64_t max_arena_bytes;  /* The activations of one SPA. 32 GiB. */
  uint64_t max_nodes;        /* Nodes of a model, subgraphs and functions included. 1,000,000. */
  uint64_t max_nesting;      /* Depth of nested subgraphs, types and messages. 64. */
  uint64_t max_image_pixels; /* Width times height. 178,956,970. */
} spinel_limits;

/* Fills in the defaults, which are named above. NULL is ignored. Any thread. */
SPINEL_API void spinel_limits_init(spinel_limits* limits, size_t struct_size);

/* Receives one line of text without a newline, borrowed during the call. user is what came with the callback.
 * May be called from any thread and must not throw. */
typedef void (*spinel_log_callback)(void* user, int32_t level, const char* message);

/* What the elements of an input that fall short of a fixed dim are set to. */
typedef struct spinel_pad_value {
  const char* input;
  double value;
} spinel_pad_value;

/* An output and the input on whose buffer it may be placed. */
typedef struct spinel_alias {
  const char* input;
  const char* output;
} spinel_alias;

/* A task of a loop, to be called with the data that came with it. It never throws and never loops itself. */
typedef void (*spinel_task)(void* data, int64_t index);

/* The host's loop: calls task(data, 0) ... task(data, count - 1), each once, in any order and possibly at
 * once, and returns when all are done. It may be called from several threads if runs are. */
typedef void (*spinel_parallel_for)(void* user, int64_t count, spinel_task task, void* data);

/* Told by the thread that loads that a stage begins: its name ("read", "import", a pass's, "plan"), borrowed
 * during the call, and how much of the stages is done, in [0, 1]. The last call, with "done" and 1, says that
 * the load has succeeded unless it is cancelled in it. user is what came with the callback. It must not
 * throw. */
typedef void (*spinel_progress_callback)(void* user, const char* stage, double fraction);

/* The host's memory: size_bytes, at least 1, at a multiple of alignment, a power of two; NULL if there is
 * none. Called from any thread, several at once; must not throw. */
typedef void* (*spinel_allocate)(void* user, size_t size_bytes, size_t alignment);

/* Takes back what spinel_allocate gave, with the same numbers, on any thread. */
typedef void (*spinel_deallocate)(void* user, void* memory, size_t size_bytes, size_t alignment);

/* How to load a model. All zeros, but for struct_size, are the defaults and suit every model. */
typedef struct spinel_engine_options {
  size_t struct_size;
  /* What executes: see spinel_available_targets(). NULL: the first of them. */
  const char* target;
  /* The caller's order of the inputs, naming every one. NULL: the model's. */
  const char* const* input_names;
  size_t input_name_count;
  /* One shape an input, in the order above. Fixes the model's dynamic dims except for the batch, whose number
   * (a SPA's part) may be 0 or -1: any. NULL: dynamic dims are bound at each run. */
  const spinel_shape* input_sizes;
  size_t input_size_count;
  /* Inputs whose data may fall short of a fixed dim (never the batch), and what fills it up. */
  const spinel_pad_value* pad_values;
  size_t pad_value_count;
  /* Samples of one run over all SPAs; sizes a SPA's part where input_sizes is given. 0: not said. */
  int64_t batch_size;
  /* Compute precision, and type of float inputs and outputs: SPINEL_FLOAT32 or SPINEL_FLOAT16. 0: the
   * model's. */
  int32_t dtype;
  int32_t keep_io_types;    /* 1: dtype leaves the types of inputs and outputs as the file has them. */
  int32_t pad_inputs;       /* 1: inputs that pad_values does not name are filled up, too, with 0. */
  int32_t split;            /* spinel_split */
  int32_t spas;             /* Number of SPAs; 0: one for each threads_per_spa cores the process may use. */
  int32_t threads_per_spa;  /* 0: 1. */
  int32_t rank;             /* The rank of this process where several share the machine. */
  int32_t ranks_on_machine; /* Processes that share this machine's cores; 0: 1. */
  const char* pass_path;    /* A JSON file that configures the graph passes; NULL: every pass runs. */
  const char* save_engine;  /* A path to write an engine file to, the compiled program; NULL: none. */
  const spinel_limits* limits; /* NULL: the defaults. */
  spinel_log_callback log;     /* Receives warnings and information for as long as the engine lives. */
  void* log_user;
  /* Target "onnx" alone: absolute path of ONNX Runtime's shared library, or of the folder that holds it.
   * NULL: the dynamic loader's usual search. */
  const char* onnxruntime_path;
  /* How long a thread waits awake for more work, in microseconds; only during a run. 0: the default, 50.
   * Negative: it sleeps at once. */
  int32_t spin_us;
  int32_t huge_pages; /* 1: asks the system for huge pages for activations and packed weights. */
  /* Outputs that a run may be given on an input's buffer, such as key-value caches. */
  const spinel_alias* aliases;
  size_t alias_count;
  /* Used instead of threads of the engine's own, of which then only that of requests starts. NULL: none. */
  spinel_parallel_for parallel_for;
  void* parallel_for_user;
  /* Target "cpu": the instruction set whose kernels are used, "avx512_fp16", "avx512_vnni", "avx512", "avx2"
   * or "portable"; SPINEL_UNSUPPORTED if this machine lacks it, SPINEL_NOT_FOUND for another name. NULL: the
   * best that it has. */
  const char* isa;
  /* 1: times the candidate kernels of each layer on this machine while compiling, and keeps the fastest. */
  int32_t tune;
  /* 1: all of an engine file is verified, its weights' checksum too; 0: all but the weights' values. */
  int32_t verify_weights;
  /* An engine file to load instead of compiling; SPINEL_UNSUPPORTED if it was built by another version, for
   * another instruction set, or with other options than those given here. NULL: none. */
  const char* load_engine;
  /* The configuration of the graph passes as JSON text; at most one of it and pass_path. NULL: none. */
  const char* pass_json;
  /* Operators that the model may use beside Spinel's own; what it holds at this call. NULL: none. */
  const struct spinel_op_set* custom_ops;
  /* Makes the load return SPINEL_CANCELLED soon after it is cancelled from another thread. NULL: none. */
  const struct spinel_cancel_token* cancel;
  /* Told when a stage of the load begins. NULL: nobody is. */
  spinel_progress_callback progress;
  void* progress_user;
  /* Where weights, activations with their scratch, and tensors lie, the results that the library allocates
   * among them; both or neither. Used until the engine and its last tensor are released. Small objects come
   * from operator new, and files may be mapped. Target "onnx" has an allocator of its own. NULL: operator
   * new. */
  spinel_allocate allocate;
  spinel_deallocate deallocate;
  void* allocate_user;
  /* 1: target "onnx" keeps the file's bytes, which spinel_engine_inspect() needs. Target "cpu" needs nothing.
   */
  int32_t inspectable;
} spinel_engine_options;

/* Fills in the defaults. NULL is ignored. Any thread. */
SPINEL_API void spinel_engine_options_init(spinel_engine_options* options, size_t struct_size);

/* A compiled model. Immutable: shared freely between threads, results are the same bits in every run. */
typedef struct spinel_engine spinel_engine;

/* Loads an ONNX file, or options->load_engine; path may then be NULL, and otherwise names the ONNX file that
 * it was built from. options may be NULL, and only log_user, parallel_for_user, allocate_user and what custom
 * operators use need outlive the call. Every operator that is not supported is listed in the error. The
 * caller owns *engine. SPINEL_NOT_FOUND for a file, target or input that does not exist, SPINEL_IO,
 * SPINEL_BAD_MODEL, SPINEL_BAD_DATA (a pass file), SPINEL_UNSUPPORTED, SPINEL_LIMIT_EXCEEDED,
 * SPINEL_CANCELLED. Any thread; no thread is started yet. */
SPINEL_API int32_t spinel_engine_create(const char* path, const spinel_engine_options* options,
                                        spinel_engine** engine, spinel_error** error);

/* Loads a model from memory, which is copied where it is needed. folder is where external data is looked for;
 * NULL: external data is SPINEL_BAD_MODEL. Otherwise as spinel_engine_create(). */
SPINEL_API int32_t spinel_engine_create_from_memory(const void* model, size_t size_bytes, const char* folder,
                                                    const spinel_engine_options* options,
                                                    spinel_engine** engine, spinel_error** error);

/* Waits for runs under way, frees the engine and ends its threads; NULL is ignored. Requests and tensors that
 * came from the engine stay valid. Any thread, except from a callback that the engine makes. */
SPINEL_API void spinel_engine_release(spinel_engine* engine);

/* ---- Describing an engine -------------------------------------------------------------------------------
 */

/* An input or output. */
typedef struct spinel_tensor_info {
  size_t struct_size;
  const char* name;
  const int64_t* dims; /* -1 where a dim is dynamic. */
  size_t rank;
  const char* const* dim_names; /* rank texts: the name or expression of a dynamic dim, else "". */
  int32_t dtype;                /* spinel_dtype: what a run takes or gives. */
  int32_t has_rank;             /* 0 if the model leaves even the rank open. */
  int32_t batch_axis;           /* The axis that is split over the SPAs; -1: none. */
  int32_t kind; /* spinel_value_kind; of others than tensors only name and element mean something. */
  /* What is in a sequence or an optional, without a name; NULL for a tensor. Its struct_size is the
   * library's. */
  const struct spinel_tensor_info* element;
} spinel_tensor_info;

/* The number of inputs and of outputs; 0 for NULL. Any thread. */
SPINEL_API size_t spinel_engine_input_count(const spinel_engine* engine);
SPINEL_API size_t spinel_engine_output_count(const spinel_engine* engine);

/* Describes one input or output in *info, whose struct_size the caller has set. Its pointers are borrowed
 * until the engine is released. Any thread. */
SPINEL_API int32_t spinel_engine_input(const spinel_engine* engine, size_t index, spinel_tensor_info* info,
                                       spinel_error** error);
SPINEL_API int32_t spinel_engine_output(const spinel_engine* engine, size_t index, spinel_tensor_info* info,
                                        spinel_error** error);

/* The place of an input or output by name; SPINEL_NOT_FOUND lists the names there are. Any thread. */
SPINEL_API int32_t spinel_engine_find_input(const spinel_engine* engine, const char* name, size_t* index,
                                            spinel_error** error);
SPINEL_API int32_t spinel_engine_find_output(const spinel_engine* engine, const char* name, size_t* index,
                                             spinel_error** error);

/* The dims of one output for the given dims of all inputs. Writes at most capacity numbers to dims (NULL if
 * capacity is 0) and the rank to *rank; a rank above capacity is SPINEL_INVALID_ARGUMENT unless capacity is
 * 0, as are dims that the model does not take. *known becomes 0, and nothing else is written, if only running
 * tells. Any thread. */
SPINEL_API int32_t spinel_engine_output_dims(const spinel_engine* engine, const spinel_shape* inputs,
                                             size_t input_count, size_t output_index, int64_t* dims,
                                             size_t capacity, size_t* rank, int32_t* known,
                                             spinel_error** error);

/* What an engine is and whether it splits batches. */
typedef struct spinel_engine_info {
  size_t struct_size;
  const char* target;
  const char* blocking_node; /* The first node that mixes rows of a batch; "" if splittable. */
  const char* reason;        /* Why, in words. */
  int64_t fixed_batch;       /* The batch that the model is made for; 0 if any batch runs. */
  int32_t splittable;        /* 1 if a batch is split over the SPAs. */
  int32_t compute_dtype;     /* spinel_dtype that floats are computed in. */
  int32_t spas;
  int32_t threads_per_spa;
  const char* arithmetic; /* How floats are computed, in words: "float32 (avx512)". */
} spinel_engine_info;

/* Describes the engine in *info, whose struct_size the caller has set. Its pointers are borrowed until the
 * engine is released. Any thread. */
SPINEL_API int32_t spinel_engine_describe(const spinel_engine* engine, spinel_engine_info* info,
                                          spinel_error** error);

/* Memory that an engine holds or will hold. */
typedef struct spinel_memory_report {
  size_t struct_size;
  uint64_t weight_bytes;        /* Constants, shared by all SPAs. */
  uint64_t arena_bytes_per_spa; /* Planned activations of one SPA for the dims asked about. */
  uint64_t total_bytes;         /* Weights and the arenas of all SPAs. */
  int32_t spas;
  int32_t reserved;
  uint64_t scratch_bytes_per_spa; /* Of the arena, the most scratch that one layer has. */
} spinel_memory_report;

/* Reports the memory for runs with these dims of the inputs (NULL and 0: the model's own, 1 for what is
 * dynamic) in *report, whose struct_size the caller has set. unplanned may be NULL; else the caller owns
 * *unplanned, the names of values that are allocated during a run because only running tells their size. Any
 * thread. */
SPINEL_API int32_t spinel_engine_memory(const spinel_engine* engine, const spinel_shape* inputs,
                                        size_t input_count, spinel_memory_report* report,
                                        spinel_strings** unplanned, spinel_error** error);

/* The compiled graph, a line a text; for people: the format may change. The caller owns *lines. Any thread.
 */
SPINEL_API int32_t spinel_engine_graph(const spinel_engine* engine, spinel_strings** lines,
                                       spinel_error** error);

/* One place that a pass changed, or looked at and left alone. */
typedef struct spinel_pass_note {
  const char* node;
  const char* text;
  int32_t refused; /* 1: a candidate that was left as it is. */
  int32_t reserved;
} spinel_pass_note;

/* What a pass looks for: an operator, and how many nodes of it there are after the pass. */
typedef struct spinel_pass_found {
  const char* op;
  size_t count;
} spinel_pass_found;

/* What one graph pass did to the model. */
typedef struct spinel_pass_info {
  size_t struct_size;
  const char* name;
  size_t changes; /* Places that it changed. */
  const spinel_pass_note* notes;
  size_t note_count;
  size_t notes_left_out; /* Notes beyond those that are kept. */
  const spinel_pass_found* found;
  size_t found_count;
  int32_t enabled; /* 0: the configuration switched it off. */
} spinel_pass_info;

/* The number of graph passes, in the order in which they ran; 0 for NULL and for targets without passes. Any
 * thread. */
SPINEL_API size_t spinel_engine_pass_count(const spinel_engine* engine);

/* Describes one pass in *info, whose struct_size the caller has set. Its pointers are borrowed until the
 * engine is released. Any thread. */
SPINEL_API int32_t spinel_engine_pass(const spinel_engine* engine, size_t index, spinel_pass_info* info,
                                      spinel_error** error);

/* ---- Running --------------------------------------------------------------------------------------------
 */

/* Cancels loads and runs from another thread. Once cancelled it stays so. */
typedef struct spinel_cancel_token spinel_cancel_token;

/* The caller owns *token. Any thread. */
SPINEL_API int32_t spinel_cancel_token_create(spinel_cancel_token** token, spinel_error** error);

/* Makes the loads and runs that were given this token return SPINEL_CANCELLED soon; NULL is ignored. Any
 * thread. */
SPINEL_API void spinel_cancel_token_cancel(spinel_cancel_token* token);

/* 1 if the token was cancelled, else 0; 0 for NULL. Any thread. */
SPINEL_API int32_t spinel_cancel_token_is_cancelled(const spinel_cancel_token* token);

/* Frees the token; NULL is ignored. Loads and runs that were given it go on. Any thread. */
SPINEL_API void spinel_cancel_token_release(spinel_cancel_token* token);

/* Runs one batch and returns when it is done. inputs are in the order of spinel_engine_input(), outputs in
 * that of spinel_engine_output(); see spinel_tensor for what is written to them. token may be NULL. Buffers
 * are used without copies. When the arguments are refused the outputs are untouched; when a run fails or is
 * cancelled under way, the bytes in the caller's output buffers are unspecified and the structs untouched.
 * SPINEL_INVALID_ARGUMENT for a number, dtype or dims of tensors that the model does not take, and where a
 * node fails over its data, SPINEL_UNSUPPORTED for a model of others than tensors, SPINEL_LIMIT_EXCEEDED,
 * SPINEL_CANCELLED. Any thread; concurrent runs share the SPAs, first come, first served. */
SPINEL_API int32_t spinel_engine_run(const spinel_engine* engine, const spinel_tensor* inputs,
                                     size_t input_count, spinel_tensor* outputs, size_t output_count,
                                     const spinel_cancel_token* token, spinel_error** error);

/* Runs a model whose inputs and outputs may be sequences and optionals; a model of tensors alone, too, as
 * spinel_engine_run() does. inputs are in the order of spinel_engine_input(); outputs has room for one value
 * an output, in the order of spinel_engine_output(), which the caller owns. One SPA runs the whole. Data that
 * falls short of fixed dims is refused unless the model is of tensors alone. If it fails, no output is
 * written. token may be NULL. SPINEL_INVALID_ARGUMENT for a value of another kind, dtype or shape than the
 * input's, SPINEL_UNSUPPORTED if the target runs models of tensors alone. Any thread. */
SPINEL_API int32_t spinel_engine_run_values(const spinel_engine* engine, const spinel_value* const* inputs,
                                            size_t input_count, spinel_value** outputs, size_t output_count,
                                            const spinel_cancel_token* token, spinel_error** error);

/* A run in the background. */
typedef struct spinel_request spinel_request;

/* Starts a run and returns at once; runs start in the order of the calls. The input structs are copied; the
 * buffers of inputs and outputs and the outputs array stay in place, unused by the caller, until
 * spinel_request_wait() has said that the run is finished or the request is released. The caller owns
 * *request. What is wrong with the structs fails here, all else in spinel_request_wait(). Any thread. */
SPINEL_API int32_t spinel_engine_run_async(const spinel_engine* engine, const spinel_tensor* inputs,
                                           size_t input_count, spinel_tensor* outputs, size_t output_count,
                                           spinel_request** request, spinel_error** error);

/* Waits at most timeout_ms milliseconds (0: not at all, -1: for ever). *finished becomes 1, or 0 if the time
 * is over (then the code is SPINEL_OK); it may be NULL if timeout_ms is -1. Once finished, the code is the
 * run's, in every later call too, and the first successful one fills in the outputs as spinel_engine_run()
 * does; *finished is written even if the run failed. Any thread. */
SPINEL_API int32_t spinel_request_wait(spinel_request* request, int64_t timeout_ms, int32_t* finished,
                                       spinel_error** error);

/* Told that a request is finished, with the user pointer that came with it. It must not release the engine.
 */
typedef void (*spinel_finished_callback)(void* user);

/* Has callback(user) called once when the run is finished, on the engine's thread, or before this function
 * returns if it already is. spinel_request_wait() then returns at once, in the callback too. A request takes
 * one callback; a second is SPINEL_INVALID_ARGUMENT. Releasing the request waits for a callback under way in
 * another thread. Any thread. */
SPINEL_API int32_t spinel_request_on_finished(spinel_request* request, spinel_finished_callback callback,
                                              void* user, spinel_error** error);

/* Makes the run end with SPINEL_CANCELLED soon, unless it is finished; NULL is ignored. Any thread. */
SPINEL_API void spinel_request_cancel(spinel_request* request);

/* Frees the request; NULL is ignored. A run that is not finished is cancelled and waited for, so that the
 * buffers are the caller's again; results that were not taken by a wait are freed. Any thread. */
SPINEL_API void spinel_request_release(spinel_request* request);

/* Seconds that the last finished run took; 0 before the first and for NULL. Any thread. */
SPINEL_API double spinel_engine_run_time(const spinel_engine* engine);

/* Where the time of a run goes, layer by layer. Immutable. */
typedef struct spinel_profile spinel_profile;

/* One layer of the compiled graph in one run. */
typedef struct spinel_layer_time {
  size_t struct_size;
  const char* name;
  const char* op;
  const char* kernel;         /* "reference" where there is no faster one. */
  const char* const* sources; /* The ONNX nodes that the layer stands for. */
  size_t source_count;
  int64_t start_ns; /* Since the run began. */
  int64_t duration_ns;
  double flops; /* Two a multiply-add, by the layer's definition; 0 where they are not counted. */
} spinel_layer_time;

/* Times every layer of one run after a first one that is not counted; inputs are those of
 * spinel_engine_run(), of exactly the dims and types that the model takes. The batch runs as one part on all
 * threads of the engine; other runs go on meanwhile and disturb the figures. token may be NULL. The caller
 * owns *profile. SPINEL_UNSUPPORTED if the target cannot tell. Any thread. */
SPINEL_API int32_t spinel_engine_profile(const spinel_engine* engine, const spinel_tensor* inputs,
                                         size_t input_count, const spinel_cancel_token* token,
                                         spinel_profile** profile, spinel_error** error);

/* The number of layers, in the order in which they ran, and the time of the whole run; 0 for NULL. Any
 * thread. */
SPINEL_API size_t spinel_profile_layer_count(const spinel_profile* profile);
SPINEL_API int64_t spinel_profile_duration_ns(const spinel_profile* profile);

/* Describes one layer in *layer, whose struct_size the caller has set. Its pointers are borrowed until the
 * profile is released. Any thread. */
SPINEL_API int32_t spinel_profile_layer(const spinel_profile* profile, size_t index, spinel_layer_time* layer,
                                        spinel_error** error);

/* Frees the profile; NULL is ignored. Any thread. */
SPINEL_API void spinel_profile_release(spinel_profile* profile);

/* A value of the ONNX file that a compiled model still computes: passes merge nodes, and what lies inside a
 * merged layer is gone. */
typedef struct spinel_layer_value {
  size_t struct_size;
  const char* name;    /* Of the value in the ONNX file. */
  const int64_t* dims; /* In the file's order of axes; -1 where a dim is not known. */
  size_t rank;
  int32_t dtype;              /* spinel_dtype that the layer computes. */
  int32_t has_rank;           /* 0 where even the rank is open. */
  size_t layer;               /* Place of the layer that computes it in the order of execution. */
  const char* node;           /* The layer's name. */
  const char* op;             /* "NhwcConv"; of target "onnx" the ONNX operator. */
  const char* const* sources; /* The ONNX nodes that the layer stands for. */
  size_t source_count;
  const char* const* inputs; /* The layer's inputs that have a name in the file, without constants. */
  size_t input_count;
} spinel_layer_value;

/* The values between the layers of an engine. Immutable. */
typedef struct spinel_layer_values spinel_layer_values;

/* Lists the values in the order of execution. With the inputs' dims (else NULL and 0) the dims are those of
 * such a run as far as they are known before running. The caller owns *values. SPINEL_UNSUPPORTED if the
 * target cannot tell. Any thread. */
SPINEL_API int32_t spinel_engine_layer_values(const spinel_engine* engine, const spinel_shape* inputs,
                                              size_t input_count, spinel_layer_values** values,
                                              spinel_error** error);

/* The number of values; 0 for NULL. Any thread. */
SPINEL_API size_t spinel_layer_values_count(const spinel_layer_values* values);

/* Describes one value in *value, whose struct_size the caller has set. Its pointers are borrowed until the
 * list is released. Any thread. */
SPINEL_API int32_t spinel_layer_values_get(const spinel_layer_values* values, size_t index,
                                           spinel_layer_value* value, spinel_error** error);

/* Frees the list; NULL is ignored. Any thread. */
SPINEL_API void spinel_layer_values_release(spinel_layer_values* values);

/* Receives a value while a run goes on: one at a time, in the order of execution. value and tensor, which is
 * only read, are borrowed during the call. SPINEL_OK goes on; another code ends the run with that code. */
typedef int32_t (*spinel_inspect_callback)(void* user, const spinel_layer_value* value,
                                           const spinel_tensor* tensor);

/* Runs the model once, as spinel_engine_profile() does, and gives the values of these names (NULL and 0: all
 * of spinel_engine_layer_values()) to callback(user, ...), which is called by the thread that calls this
 * function or another one and must not throw. The outputs are bit-identical to those of spinel_engine_run(),
 * and as described there. SPINEL_NOT_FOUND for another name, SPINEL_UNSUPPORTED if the target cannot do it.
 * token may be NULL. Any thread. */
SPINEL_API int32_t spinel_engine_inspect(const spinel_engine* engine, const spinel_tensor* inputs,
                                         size_t input_count, const char* const* names, size_t name_count,
                                         spinel_inspect_callback callback, void* user, spinel_tensor* outputs,
                                         size_t output_count, const spinel_cancel_token* token,
                                         spinel_error** error);

/* Asked for other elements of a value, right after the spinel_inspect_callback for it. *replacement comes
 * without data; left so, nothing changes. Filled in with a tensor of the caller's, of the value's dims and of
 * any numeric dtype, which is converted, it takes the value's place, so that what follows is computed from
 * it; its data stays in place until this function is called again or the run ends, and is never freed by the
 * library. SPINEL_OK goes on; another code ends the run with that code. */
typedef int32_t (*spinel_replace_callback)(void* user, const spinel_layer_value* value,
                                           spinel_tensor* replacement);

/* As spinel_engine_inspect(), and asks replace(user, ...) for other elements of each value. callback may be
 * NULL. Values that are views of others are not asked about: they follow those. SPINEL_INVALID_ARGUMENT for a
 * replacement of other dims; SPINEL_UNSUPPORTED for target "onnx". Any thread. */
SPINEL_API int32_t spinel_engine_replace(const spinel_engine* engine, const spinel_tensor* inputs,
                                         size_t input_count, const char* const* names, size_t name_count,
                                         spinel_inspect_callback callback, spinel_replace_callback replace,
                                         void* user, spinel_tensor* outputs, size_t output_count,
                                         const spinel_cancel_token* token, spinel_error** error);

/* ---- ONNX files to ONNX files ---------------------------------------------------------------------------
 *
 * Both tools read the ONNX file at model with its external data, and write another one, at out, which appears
 * whole or not at all. Then the two are run by target "cpu" on the same random inputs and compared; if the
 * new one computes something else, nothing is left at out and the call fails. Names, metadata and whatever is
 * not understood stay as they are. Failures beside those of the arguments: SPINEL_NOT_FOUND (a file, or a
 * name that the model lacks), SPINEL_IO, SPINEL_BAD_MODEL, SPINEL_UNSUPPORTED, SPINEL_LIMIT_EXCEEDED, and
 * SPINEL_INTERNAL if the check finds a difference. */

/* Dims of an input. */
typedef struct spinel_named_shape {
  const char* name;
  const int64_t* dims;
  size_t rank;
} spinel_named_shape;

/* How a new file is compared with the old one. */
typedef struct spinel_check_options {
  size_t struct_size;
  int32_t runs;     /* 0: no check. 3. */
  int32_t required; /* 1: a model that cannot be run (an operator that is unknown, say) is a failure. */
  /* Dims of inputs for the check alone; others are tried: 1 and 2 for the batch, 64, 224, 16 ... */
  const spinel_named_shape* input_shapes;
  size_t input_shape_count;
  /* Greatest difference over the greatest magnitude of an output that is accepted; below 0: 1e-5 for float32,
   * 5e-3 for 16-bit floats. Integers, bools and strings must be equal. -1. */
  double tolerance;
} spinel_check_options;

/* What to simplify. */
typedef struct spinel_simplify_options {
  size_t struct_size;
  /* New dims of inputs; 0 or less leaves a dim as it is. A dim's name stands for one number in the whole
   * model. */
  const spinel_named_shape* input_shapes;
  size_t input_shape_count;
  const char* const* skip_steps; /* Steps of spinel_simplify_steps() to leave out. */
  size_t skip_step_count;
  uint64_t max_folded_bytes; /* Bytes by which a folded constant may exceed what vanishes with it. 1 MiB. */
  int32_t inline_functions;  /* 1: puts the bodies of the model's functions in place of their calls. */
  int32_t keep_initializer_inputs;   /* 1: weights that are listed as inputs stay. */
  int32_t external_data;             /* 1: weights go into a second file, "<out>.data". */
  int32_t reserved;                  /* 0 */
  const spinel_check_options* check; /* NULL: the defaults. */
  const spinel_limits* limits;       /* NULL: the defaults. */
  /* Operators that the model may use beside Spinel's own. NULL: none. */
  const struct spinel_op_set* custom_ops;
} spinel_simplify_options;

/* What to convert, and what not. */
typedef struct spinel_convert_options {
  size_t struct_size;
  const char* const* keep_ops; /* Operators that stay in float32, with casts around them. */
  size_t keep_op_count;
  const char* const* keep_nodes; /* The same of single nodes. */
  size_t keep_node_count;
  const char* const* convert_ops; /* Of spinel_float16_keep_list(), or of other domains: convert them too. */
  size_t convert_op_count;
  const char* const* keep_inputs; /* Inputs that stay float32. */
  size_t keep_input_count;
  int32_t dtype;                     /* What float32 becomes: SPINEL_FLOAT16. */
  int32_t keep_io_types;             /* 1: all inputs and outputs stay as they are. */
  int32_t external_data;             /* 1: weights go into a second file, "<out>.data". */
  int32_t reserved;                  /* 0 */
  const spinel_check_options* check; /* NULL: 1 run, and a tolerance of 0.05. */
  const spinel_limits* limits;       /* NULL: the defaults. */
  /* Operators that the model may use beside Spinel's own. NULL: none. */
  const struct spinel_op_set* custom_ops;
} spinel_convert_options;

/* Each fills in the defaults, which are named above. NULL is ignored. Any thread. */
SPINEL_API void spinel_check_options_init(spinel_check_options* options, size_t struct_size);
SPINEL_API void spinel_simplify_options_init(spinel_simplify_options* options, size_t struct_size);
SPINEL_API void spinel_convert_options_init(spinel_convert_options* options, size_t struct_size);

/* What a tool has done. Immutable. */
typedef struct spinel_tool_report spinel_tool_report;

/* Writes a model that computes the same with fewer nodes: constants folded, shapes stated, nodes removed and
 * merged. options may be NULL. report may be NULL; else the caller owns *report. Any thread. */
SPINEL_API int32_t spinel_simplify_model(const char* model, const char* out,
                                         const spinel_simplify_options* options, spinel_tool_report** report,
                                         spinel_error** error);

/* Writes a model whose float32 values are float16: weights, inputs, outputs and what is computed between
 * them, in subgraphs too. options may be NULL. report may be NULL; else the caller owns *report. Any thread.
 */
SPINEL_API int32_t spinel_convert_model(const char* model, const char* out,
                                        const spinel_convert_options* options, spinel_tool_report** report,
                                        spinel_error** error);

/* The steps of spinel_simplify_model(), in order. The caller owns *steps. Any thread. */
SPINEL_API int32_t spinel_simplify_steps(spinel_strings** steps, spinel_error** error);

/* The operators that spinel_convert_model() leaves in float32 unless convert_ops names them. The caller owns
 * *operators. Any thread. */
SPINEL_API int32_t spinel_float16_keep_list(spinel_strings** operators, spinel_error** error);

/* How many there are of something. */
typedef struct spinel_count {
  const char* name;
  int64_t count;
} spinel_count;

/* A constant whose values float16 could not hold. */
typedef struct spinel_clamped_tensor {
  const char* name;
  int64_t elements;
  int64_t clamped; /* Beyond +-65504, which they became. */
  int64_t flushed; /* Other than 0, but so small that they became 0. */
} spinel_clamped_tensor;

/* What a report holds. */
typedef struct spinel_tool_info {
  size_t struct_size;
  uint64_t bytes_before; /* Of the files, with external data. */
  uint64_t bytes_after;
  const spinel_count* operators_before; /* As in the file, subgraphs and functions included. */
  size_t operator_before_count;
  const spinel_count* operators_after;
  size_t operator_after_count;
  const spinel_count* changes; /* Simplifying: the places that each step has changed. */
  size_t change_count;
  const char* const* files; /* What was written. */
  size_t file_count;
  const char* const* notes; /* What the user should know, one sentence each. */
  size_t note_count;
  const char* const* kept; /* Converting: nodes that stay in float32, as "name (operator)". */
  size_t kept_count;
  const spinel_clamped_tensor* clamped; /* Converting: constants that have lost values. */
  size_t clamped_count;
  int64_t converted_tensors;  /* Converting: constants that were converted. */
  const char* check_skipped;  /* Why nothing was compared; "": it was, or was not asked for. */
  double max_difference;      /* The greatest |new - old|. */
  double relative_difference; /* The greatest |new - old| of an output over the greatest |old| of it. */
  double diff2;               /* The greatest ||new - old|| / ||old|| of an output. */
  int32_t check_runs;
  int32_t bit_equal; /* 1: every output of every run. */
} spinel_tool_info;

/* Describes what was done in *info, whose struct_size the caller has set. Its pointers are borrowed until the
 * report is released. Any thread. */
SPINEL_API int32_t spinel_tool_report_describe(const spinel_tool_report* report, spinel_tool_info* info,
                                               spinel_error** error);

/* Frees the report; NULL is ignored. Any thread. */
SPINEL_API void spinel_tool_report_release(spinel_tool_report* report);

/* ---- Images to tensors ----------------------------------------------------------------------------------
 */

/* Decode, resize, centre crop, normalise, channels first. The defaults are the preset "imagenet". */
typedef struct spinel_preprocess_options {
  size_t struct_size;
  int64_t resize; /* The shorter side after resizing; 0 keeps the image's size. */
  int64_t crop_height;
  int64_t crop_width;
  float mean[3];               /* Subtracted from RGB in [0, 1]. */
  float std[3];                /* Divided by afterwards; none may be 0. */
  int32_t interpolation;       /* spinel_interpolation */
  int32_t dtype;               /* SPINEL_FLOAT32 or SPINEL_FLOAT16 */
  const spinel_limits* limits; /* max_image_pixels applies; NULL: the defaults. */
} spinel_preprocess_options;

/* Fills in the defaults. NULL is ignored. Any thread. */
SPINEL_API void spinel_preprocess_options_init(spinel_preprocess_options* options, size_t struct_size);

/* Replaces all but dtype and limits by a preset: "imagenet", "efficientnet-lite". SPINEL_INVALID_ARGUMENT for
 * another name. Options that another thread uses must not be changed. */
SPINEL_API int32_t spinel_preprocess_options_preset(spinel_preprocess_options* options, const char* name,
                                                    spinel_error** error);

/* Sets crop and resize for a network whose input is height x width: resize is the shorter times 256/224,
 * rounded down. Options that another thread uses must not be changed. */
SPINEL_API int32_t spinel_preprocess_options_input_size(spinel_preprocess_options* options, int64_t height,
                                                        int64_t width, spinel_error** error);

/* Fits the options to an engine's input of dims [N, 3, H, W]: dtype, and crop and resize as above where the
 * model fixes H and W. An input of another kind is SPINEL_INVALID_ARGUMENT. Options that another thread uses
 * must not be changed. */
SPINEL_API int32_t spinel_preprocess_options_fit(spinel_preprocess_options* options,
                                                 const spinel_engine* engine, size_t input_index,
                                                 spinel_error** error);

/* Replaces all but limits by those of a JSON file, whose keys are all optional: preset, resize, crop (a
 * number or [height, width]), interpolation, mean, std, dtype. SPINEL_NOT_FOUND, SPINEL_IO; SPINEL_BAD_DATA
 * for what is not that. Options that another thread uses must not be changed. */
SPINEL_API int32_t spinel_preprocess_options_load(spinel_preprocess_options* options, const char* path,
                                                  spinel_error** error);

/* The names that spinel_preprocess_options_preset() takes. The caller owns *names. Any thread. */
SPINEL_API int32_t spinel_preset_names(spinel_strings** names, spinel_error** error);

/* Each writes one image to *row: [3, H, W] or [1, 3, H, W] of options->dtype, H and W being the crop's; with
 * row->data NULL the library allocates [1, 3, H, W] as described at spinel_tensor. options may be NULL. The
 * format (JPEG, PNG, BMP, TGA, PSD, PNM) is told from the content. SPINEL_NOT_FOUND and SPINEL_IO for a file
 * that cannot be read, SPINEL_BAD_DATA for a damaged image or none, SPINEL_UNSUPPORTED for another format, or
 * any in a build without codecs, SPINEL_LIMIT_EXCEEDED. Any thread. */
SPINEL_API int32_t spinel_preprocess_file(const spinel_preprocess_options* options, const char* path,
                                          spinel_tensor* row, spinel_error** error);
/* An encoded image in memory; name is used in messages and may be NULL. */
SPINEL_API int32_t spinel_preprocess_encoded(const spinel_preprocess_options* options, const void* encoded,
                                             size_t size_bytes, const char* name, spinel_tensor* row,
                                             spinel_error** error);
/* Decoded pixels: 8-bit RGB, channel fastest, rows from top to bottom, row_bytes apart (0: width * 3). */
SPINEL_API int32_t spinel_preprocess_rgb(const spinel_preprocess_options* options, const uint8_t* pixels,
                                         int64_t width, int64_t height, size_t row_bytes, spinel_tensor* row,
                                         spinel_error** error);

/* One image of a batch: a file (path), or encoded (encoded and size_bytes), or pixels (with width, height and
 * row_bytes as above). The others are NULL and 0. */
typedef struct spinel_image {
  size_t struct_size;
  const char* path;
  const void* encoded;
  size_t size_bytes;
  const uint8_t* pixels;
  int64_t width;
  int64_t height;
  size_t row_bytes;
  const char* name; /* For messages, may be NULL. */
} spinel_image;

/* Sets struct_size and zeros the rest. NULL is ignored. Any thread. */
SPINEL_API void spinel_image_init(spinel_image* image, size_t struct_size);

/* Preprocesses count images into *batch, [count, 3, H, W] (allocated if batch->data is NULL): row i is image
 * i. With image_errors NULL the first image that cannot be used fails the call. With an array of count
 * pointers the call goes on: image_errors[i] becomes NULL, or an error that the caller owns and row i is all
 * zeros. If the call fails the bytes in the caller's buffer are unspecified and image_errors is untouched.
 * All images have the same struct_size. Codes are those of spinel_preprocess_file(). Any thread. */
SPINEL_API int32_t spinel_preprocess_batch(const spinel_preprocess_options* options,
                                           const spinel_image* images, size_t count, spinel_tensor* batch,
                                           spinel_error** image_errors, spinel_error** error);

/* Decodes an image to *pixels, uint8 [height, width, 3], RGB: what Pillow's convert('RGB') gives. limits may
 * be NULL. Codes are those of spinel_preprocess_file(). Any thread. */
SPINEL_API int32_t spinel_image_decode(const spinel_image* image, const spinel_limits* limits,
                                       spinel_tensor* pixels, spinel_error** error);

/* ---- Datasets -------------------------------------------------------------------------------------------
 */

/* Files and their classes. Immutable. */
typedef struct spinel_dataset spinel_dataset;

/* A file and its class; -1 where the class is not known. */
typedef struct spinel_sample {
  const char* path;
  int64_t label;
} spinel_sample;

/* The images of root/CLASS/IMAGE: classes sorted by name (byte order), a class's index is its label,
 * images sorted within their class; names that begin with '.' are left out. What a file holds is not looked
 * at. The caller owns *dataset. SPINEL_NOT_FOUND and SPINEL_IO for a folder that cannot be read,
 * SPINEL_BAD_DATA for one without classes or images. Any thread. */
SPINEL_API int32_t spinel_dataset_open(const char* root, spinel_dataset** dataset, spinel_error** error);

/* The files of one folder in name order, without classes. The caller owns *dataset. Codes are those of
 * spinel_dataset_open(). Any thread. */
SPINEL_API int32_t spinel_dataset_list(const char* folder, spinel_dataset** dataset, spinel_error** error);

/* The given files; labels may be NULL. The texts are copied, and no file is opened. The caller owns *dataset.
 * Any thread. */
SPINEL_API int32_t spinel_dataset_create(const char* const* paths, const int64_t* labels, size_t count,
                                         spinel_dataset** dataset, spinel_error** error);

/* The number of samples; 0 for NULL. Any thread. */
SPINEL_API size_t spinel_dataset_size(const spinel_dataset* dataset);

/* One sample in *sample, whose path is borrowed until the dataset is released. Any thread. */
SPINEL_API int32_t spinel_dataset_sample(const spinel_dataset* dataset, size_t index, spinel_sample* sample,
                                         spinel_error** error);

/* The names of the classes in the order of their labels, and what lies in the folder and is not part of the
 * dataset, a message each. Borrowed until the dataset is released; NULL for NULL. Any thread. */
SPINEL_API const spinel_strings* spinel_dataset_classes(const spinel_dataset* dataset);
SPINEL_API const spinel_strings* spinel_dataset_notes(const spinel_dataset* dataset);

/* Frees the dataset; NULL is ignored. Loaders that were made from it go on. Any thread. */
SPINEL_API void spinel_dataset_release(spinel_dataset* dataset);

/* How samples are put into batches. */
typedef struct spinel_loader_options {
  size_t struct_size;
  int64_t batch_size;  /* Samples a batch, at least 1. 1. */
  int64_t max_batches; /* Stop after so many; 0, the default, means no limit. */
  int32_t workers;     /* Threads that preprocess; 0: spinel_loader_next() does the work. 4. */
  int32_t prefetch;    /* Batches prepared ahead, at least 1; bounds the memory. 2. */
  int32_t drop_last;   /* 1: leave out a last batch of fewer samples. 0. */
  int32_t rank;     /* This process's number, 0 to world - 1: it takes samples rank, rank + world, ... 0. */
  int32_t world;    /* Processes that share the dataset; no sample is given twice. 1. */
  int32_t reserved; /* 0 */
} spinel_loader_options;

/* Fills in the defaults, which are named above. NULL is ignored. Any thread. */
SPINEL_API void spinel_loader_options_init(spinel_loader_options* options, size_t struct_size);

/* Preprocesses a dataset in batches, ahead of time, in threads that start with the first spinel_loader_next()
 * and end with the release. One thread may use a loader at a time. */
typedef struct spinel_loader spinel_loader;

/* preprocess and options may be NULL: the defaults. The caller owns *loader. Any thread. */
SPINEL_API int32_t spinel_loader_create(const spinel_dataset* dataset,
                                        const spinel_preprocess_options* preprocess,
                                        const spinel_loader_options* options, spinel_loader** loader,
                                        spinel_error** error);

/* A batch in the order of the dataset. Immutable. */
typedef struct spinel_batch spinel_batch;

/* The next batch, which the caller owns; *batch becomes NULL after the last. An image that cannot be used is
 * in the batch's list of rejected ones and fails nothing. */
SPINEL_API int32_t spinel_loader_next(spinel_loader* loader, spinel_batch** batch, spinel_error** error);

/* Begins again with the first batch. */
SPINEL_API int32_t spinel_loader_restart(spinel_loader* loader, spinel_error** error);

/* Batches of one pass, and samples that one pass attempts; 0 for NULL. */
SPINEL_API size_t spinel_loader_batch_count(const spinel_loader* loader);
SPINEL_API size_t spinel_loader_sample_count(const spinel_loader* loader);

/* What the batches given since the start amount to: attempted = done + rejected. */
typedef struct spinel_ledger {
  size_t struct_size;
  size_t attempted;
  size_t done;
  size_t rejected;
  size_t dropped; /* Never attempted: the short last batch under drop_last. */
} spinel_ledger;

/* Writes the counts to *ledger, whose struct_size the caller has set. */
SPINEL_API int32_t spinel_loader_ledger(const spinel_loader* loader, spinel_ledger* ledger,
                                        spinel_error** error);

/* Waits for the images being decoded at that moment, ends the threads and frees the loader; NULL is ignored.
 * Batches stay valid. */
SPINEL_API void spinel_loader_release(spinel_loader* loader);

/* A sample that could not be used, and why. */
typedef struct spinel_rejected {
  const char* path;
  const char* reason; /* The complete message; it contains the path. */
  size_t index;       /* Its place in the dataset. */
  int32_t code;       /* spinel_code */
  int32_t reserved;
} spinel_rejected;

/* What a batch holds. */
typedef struct spinel_batch_info {
  size_t struct_size;
  const spinel_tensor* tensor; /* [size, 3, H, W]; no rows when every sample was rejected. */
  const int64_t* labels;       /* One a row; -1 where not known. */
  const size_t* indices;       /* One a row: the sample's place in the dataset. */
  const char* const* paths;    /* One a row. */
  size_t size;                 /* Rows. */
  const spinel_rejected* rejected;
  size_t rejected_count;
  double preprocess_seconds; /* Work on this batch, summed over its samples. */
  double wait_seconds;       /* How long spinel_loader_next() waited for it. */
} spinel_batch_info;

/* Describes the batch in *info, whose struct_size the caller has set. Its pointers are borrowed until the
 * batch is released. Any thread. */
SPINEL_API int32_t spinel_batch_describe(const spinel_batch* batch, spinel_batch_info* info,
                                         spinel_error** error);

/* Frees the batch; NULL is ignored. Any thread. */
SPINEL_API void spinel_batch_release(spinel_batch* batch);

/* ---- Tensors to labels ----------------------------------------------------------------------------------
 */

/* The k best classes of each row of scores: float32 or float16, [N, classes] (or [classes], or trailing dims
 * of 1). apply_softmax 1 turns the network's scores into probabilities first. *per_row becomes the lesser of
 * k and classes; row i's answers are at indices[i * *per_row] and values[i * *per_row], best first. capacity
 * is the length of both arrays, at least N times *per_row; values may be NULL. A row with NaN is
 * SPINEL_BAD_DATA. Any thread. */
SPINEL_API int32_t spinel_top_k(const spinel_tensor* scores, int32_t apply_softmax, size_t k,
                                int64_t* indices, float* values, size_t capacity, size_t* per_row,
                                spinel_error** error);

/* Reads the names of classes from a synset file ("n02124075 Egyptian cat": the name follows the first space).
 * SPINEL_BAD_DATA for another number of labels than classes, unless classes is 0, and for a file that is
 * empty, has an empty line or is not text; SPINEL_NOT_FOUND, SPINEL_IO. The caller owns *labels. Any thread.
 */
SPINEL_API int32_t spinel_labels_load(const char* path, size_t classes, spinel_strings** labels,
                                      spinel_error** error);

/* Softmax over the last axis of float32 or float16 scores of rank 1 or more to *probabilities, float32 of the
 * same dims. Any thread. */
SPINEL_API int32_t spinel_softmax(const spinel_tensor* logits, spinel_tensor* probabilities,
                                  spinel_error** error);

/* ---- Metrics --------------------------------------------------------------------------------------------
 */

/* Counts right answers over batches; every sample weighs the same. Calls that change one must not overlap. */
typedef struct spinel_accuracy spinel_accuracy;

/* k, at least 1, is that of the top-k count. The caller owns *accuracy. Any thread. */
SPINEL_API int32_t spinel_accuracy_create(int64_t k, spinel_accuracy** accuracy, spinel_error** error);

/* Counts a batch: scores [N, classes] (trailing dims of 1 allowed), float32 or float16, and N labels. Ties go
 * to the lower class, a row with NaN counts as wrong. If it fails nothing is counted: SPINEL_INVALID_ARGUMENT
 * for scores of another dtype or rank, another number of labels, and a label that is no class. */
SPINEL_API int32_t spinel_accuracy_add(spinel_accuracy* accuracy, const spinel_tensor* scores,
                                       const int64_t* labels, size_t label_count, spinel_error** error);

/* Adds another counter's counts; its k must be the same (else SPINEL_INVALID_ARGUMENT). */
SPINEL_API int32_t spinel_accuracy_merge(spinel_accuracy* accuracy, const spinel_accuracy* other,
                                         spinel_error** error);

/* What was counted. */
typedef struct spinel_accuracy_counts {
  size_t struct_size;
  int64_t k;
  int64_t count;
  int64_t top1_hits;
  int64_t topk_hits;
  double top1; /* Fractions in [0, 1]; 0 before the first sample. */
  double topk;
} spinel_accuracy_counts;

/* Writes the counts to *counts, whose struct_size the caller has set. */
SPINEL_API int32_t spinel_accuracy_get(const spinel_accuracy* accuracy, spinel_accuracy_counts* counts,
                                       spinel_error** error);

/* Frees the counter; NULL is ignored. */
SPINEL_API void spinel_accuracy_release(spinel_accuracy* accuracy);

/* How far a tensor a is from a tensor b; sums are taken in double. */
typedef struct spinel_difference {
  size_t struct_size;
  double diff2;      /* sqrt(sum (a-b)^2 / sum b^2); infinite if only the numerator is not 0. */
  double diff3_max;  /* Maximum of |a-b|/|b| where |b| > threshold, of |a-b| elsewhere. */
  double diff3_mean; /* Mean of the same. */
  double abs_max;    /* Maximum of |a-b|. */
  int64_t count;     /* Elements compared. */
  int64_t nan_actual;
  int64_t nan_expected;
  int64_t inf_actual;
  int64_t inf_expected;
  int64_t mismatched_nonfinite; /* Pairs of which one is NaN or infinite and the other is not the same; if
                                 * there is one, the measures above are infinite. */
} spinel_difference;

/* Compares tensors of equal dims, whose dtypes may be any numeric ones, in *difference, whose struct_size the
 * caller has set. threshold below 0: 1e-4 if actual is of a 16-bit float type, else 1e-6.
 * SPINEL_INVALID_ARGUMENT for other dims and dtypes. Any thread. */
SPINEL_API int32_t spinel_tensor_difference(const spinel_tensor* actual, const spinel_tensor* expected,
                                            double threshold, spinel_difference* difference,
                                            spinel_error** error);

/* ---- Custom operators -----------------------------------------------------------------------------------
 *
 * An operator is described by a spinel_custom_op whose callbacks the library calls with a table of functions,
 * spinel_op_api, and a context that is valid during the call. A program adds operators to a spinel_op_set. A
 * shared library exports spinel_custom_ops() and needs no symbol of Spinel, since it is given the table; it
 * is loaded with spinel_op_set_load() or the command's --custom-op. docs/custom_operators.md has an example.
 *
 * Callbacks return SPINEL_OK or the spinel_code of the failure, described by set_error(); where a function of
 * the table failed and set_error() was not called, the failure is that one. They must not throw. */

/* Of this table; it changes only on a break, and the name of the entry point with it. */
#define SPINEL_OP_ABI 1

/* Operators that an engine may be given. */
typedef struct spinel_op_set spinel_op_set;

/* What a callback is called about: a node, or one run of it. */
typedef struct spinel_op_context spinel_op_context;

/* Types of attributes, numbered as in ONNX's AttributeProto.AttributeType. */
enum spinel_attribute_type {
  SPINEL_ATTRIBUTE_FLOAT = 1,
  SPINEL_ATTRIBUTE_INT = 2,
  SPINEL_ATTRIBUTE_STRING = 3,
  SPINEL_ATTRIBUTE_TENSOR = 4,
  SPINEL_ATTRIBUTE_FLOATS = 6,
  SPINEL_ATTRIBUTE_INTS = 7,
  SPINEL_ATTRIBUTE_STRINGS = 8
};

/* A dim that only running tells. */
#define SPINEL_DIM_UNKNOWN (-1)

typedef struct spinel_op_input {
  const char* name;
  const int32_t* dtypes; /* The spinel_dtype that it takes. NULL: every one. */
  size_t dtype_count;
  int32_t optional; /* 1: the node may leave it out. */
  int32_t whole;    /* 1: rows_independent: every row may depend on all of it. */
} spinel_op_input;

typedef struct spinel_op_output {
  const char* name;
  int32_t dtype;    /* spinel_dtype; 0: that of input same_as. */
  int32_t same_as;  /* Index of an input. */
  int32_t optional; /* 1: the node may leave it out. */
  int32_t reserved; /* 0 */
} spinel_op_output;

typedef struct spinel_op_attribute {
  const char* name;
  int32_t type;     /* spinel_attribute_type */
  int32_t required; /* 1: a node without it is SPINEL_BAD_MODEL. */
} spinel_op_attribute;

typedef struct spinel_custom_op spinel_custom_op;

/* The functions that callbacks may call. It lives as long as the process; functions are only ever added at
 * its end, so that one at an offset below struct_size exists. Each belongs to the callbacks that are named
 * with it; called from another one it fails. Pointers that they return are borrowed until the callback
 * returns. All but those of the context of compute() belong to the thread of the callback. */
typedef struct spinel_op_api {
  size_t struct_size;
  int32_t abi; /* SPINEL_OP_ABI */
  int32_t reserved;
  const char* library_version; /* spinel_version() */

  /* In spinel_custom_ops(): adds an operator, as spinel_op_set_add() does. A failure fails the load. */
  int32_t (*add)(spinel_op_set* set, const spinel_custom_op* op);
  /* In spinel_custom_ops(): says why it fails. The text is copied. */
  void (*set_load_error)(spinel_op_set* set, const char* message);

  /* Everywhere: says why the callback fails. The text is copied. */
  void (*set_error)(spinel_op_context* context, const char* message);

  /* create(), shapes(): a node's attribute. SPINEL_NOT_FOUND, with the arguments untouched, if the node lacks
   * it; SPINEL_INVALID_ARGUMENT if the operator declares none of that name and type. */
  int32_t (*attribute_float)(spinel_op_context* context, const char* name, float* value);
  int32_t (*attribute_int)(spinel_op_context* context, const char* name, int64_t* value);
  int32_t (*attribute_string)(spinel_op_context* context, const char* name, spinel_string* value);
  int32_t (*attribute_floats)(spinel_op_context* context, const char* name, const float** values,
                              size_t* count);
  int32_t (*attribute_ints)(spinel_op_context* context, const char* name, const int64_t** values,
                            size_t* count);
  int32_t (*attribute_strings)(spinel_op_context* context, const char* name, const spinel_string** values,
                               size_t* count);
  int32_t (*attribute_tensor)(spinel_op_context* context, const char* name, const spinel_tensor** value);

  /* shapes(), compute(): the inputs and outputs that the node lists; optional ones may be left out at the
   * end, and in between. */
  size_t (*input_count)(spinel_op_context* context);
  size_t (*output_count)(spinel_op_context* context);
  int32_t (*has_input)(spinel_op_context* context, size_t index);

  /* shapes(): what is known of an input. A dim that is not a number, nor unknown, is a number below
   * SPINEL_DIM_UNKNOWN that stands for an expression: pass it on or compute with dim_add() and the others. */
  int32_t (*input_dtype)(spinel_op_context* context, size_t index);
  /* -1 while it is unknown, and for an input that is left out. */
  int32_t (*input_rank)(spinel_op_context* context, size_t index);
  int64_t (*input_dim)(spinel_op_context* context, size_t index, size_t axis);
  /* The input's value, if it is known before running; else NULL. */
  const spinel_tensor* (*input_constant)(spinel_op_context* context, size_t index);
  /* The elements of an integer input of rank 0 or 1 as dims: at most capacity are written. Returns their
   * number, or -1 if they are not known. */
  int64_t (*input_elements)(spinel_op_context* context, size_t index, int64_t* elements, size_t capacity);
  int64_t (*dim_add)(spinel_op_context* context, int64_t a, int64_t b);
  int64_t (*dim_subtract)(spinel_op_context* context, int64_t a, int64_t b);
  int64_t (*dim_multiply)(spinel_op_context* context, int64_t a, int64_t b);
  /* Rounded towards minus infinity; unknown for a divisor of 0. */
  int64_t (*dim_divide)(spinel_op_context* context, int64_t a, int64_t b);
  /* States the dims of an output, and its dtype where that is not 0. rank -1: even the rank is unknown. */
  int32_t (*set_output)(spinel_op_context* context, size_t index, int32_t dtype, const int64_t* dims,
                        int32_t rank);

  /* compute(): an input, which is only read; NULL if it is left out. */
  const spinel_tensor* (*input)(spinel_op_context* context, size_t index);
  /* compute(): whether anybody reads the output. One that nobody reads need not be made. */
  int32_t (*wants_output)(spinel_op_context* context, size_t index);
  /* compute(): the output's buffer of these dims, uninitialised, dense and 64-byte aligned, to be filled.
   * NULL if the dims contradict what shapes() said. */
  void* (*output)(spinel_op_context* context, size_t index, const int64_t* dims, size_t rank);
  /* compute(): the same for SPINEL_STRING; the texts are copied. */
  int32_t (*output_strings)(spinel_op_context* context, size_t index, const int64_t* dims, size_t rank,
                            const spinel_string* texts);
  /* compute(): runs task(data, 0) ... task(data, count - 1), in any order and possibly at once, on the
   * engine's threads or the host's; returns when all are done. Tasks must not call functions of this table
   * other than cancelled(). */
  int32_t (*parallel_for)(spinel_op_context* context, int64_t count, spinel_task task, void* data);
  /* compute(): how many tasks may run at once, at least 1. */
  int32_t (*concurrency)(spinel_op_context* context);
  /* compute(): 1 if the run was cancelled. Long kernels ask every few milliseconds and return
   * SPINEL_CANCELLED. */
  int32_t (*cancelled)(spinel_op_context* context);
} spinel_op_api;

/* Sets the outputs' dims before running. Called while a model is loaded. */
typedef int32_t (*spinel_op_shapes)(const spinel_op_api* api, spinel_op_context* context, void* user);
/* Makes the state of a node, once for each node of a loaded model. What it made is its own to free if it
 * fails.
 */
typedef int32_t (*spinel_op_create)(const spinel_op_api* api, spinel_op_context* context, void* user,
                                    void** state);
/* Computes the outputs of one run. Called from several threads at once with the same state: what it changes
 * there it must guard itself. */
typedef int32_t (*spinel_op_compute)(const spinel_op_api* api, spinel_op_context* context, void* user,
                                     void* state);
/* Frees what create() made, when nothing uses the node any more. */
typedef void (*spinel_op_destroy)(void* user, void* state);
/* Frees user, when no set and no engine uses the operator any more. */
typedef void (*spinel_op_release_user)(void* user);

/* A custom operator. */
struct spinel_custom_op {
  size_t struct_size;
  const char* domain; /* As in the model. NULL or "": ONNX's own. */
  const char* name;
  /* The oldest opset version of the domain that this is for; of equal names the newest that is not above the
   * model's is taken. 0: 1. An operator takes the place of Spinel's own of the same name. */
  int32_t since_version;
  int32_t variadic; /* 1: the last input may be given any number of times. */
  const spinel_op_input* inputs;
  size_t input_count;
  const spinel_op_output* outputs;
  size_t output_count;
  const spinel_op_attribute* attributes;
  size_t attribute_count;
  /* 1: a batch may be cut: row i along axis 0 of every output depends on row i along axis 0 of each input
   * that is not declared whole, and on the others as they are. */
  int32_t rows_independent;
  int32_t float16;       /* 1: computes in float16 where a model is converted; 0: stays in float32. */
  int32_t indeterminate; /* 1: equal inputs may give different outputs. */
  int32_t reserved;      /* 0 */
  void* user;
  spinel_op_shapes shapes; /* NULL: only running tells the dims of outputs. */
  spinel_op_create create; /* NULL: no state. */
  spinel_op_compute compute;
  spinel_op_destroy destroy;           /* NULL: nothing to free. */
  spinel_op_release_user release_user; /* NULL: nothing to free. */
};

/* Sets struct_size and zeros the rest. NULL is ignored. Any thread. A library that does not link Spinel
 * zeros the struct and sets struct_size itself. */
SPINEL_API void spinel_custom_op_init(spinel_custom_op* op, size_t struct_size);

/* An empty set. The caller owns *set. Any thread. */
SPINEL_API int32_t spinel_op_set_create(spinel_op_set** set, spinel_error** error);

/* Adds an operator; the description is copied, what its callbacks use must outlive the set and the engines
 * that were given it. release_user is called in the end if the call succeeds, and not otherwise.
 * SPINEL_INVALID_ARGUMENT for a description that contradicts itself. A set that another thread uses must not
 * be changed. */
SPINEL_API int32_t spinel_op_set_add(spinel_op_set* set, const spinel_custom_op* op, spinel_error** error);

/* Loads the shared library at path, which exports spinel_custom_ops(), and adds its operators. path is that
 * of a file; nothing is searched for. Loading runs the library's code with all rights of the process; it is
 * unloaded when neither a set nor an engine uses it. SPINEL_NOT_FOUND without such a file, SPINEL_IO if it
 * cannot be loaded, SPINEL_UNSUPPORTED if it has no entry point or adds nothing, else its own code; the set
 * is then as it was. A set that another thread uses must not be changed. */
SPINEL_API int32_t spinel_op_set_load(spinel_op_set* set, const char* path, spinel_error** error);

/* Frees the set; NULL is ignored. Engines that were given it keep its operators. Any thread. */
SPINEL_API void spinel_op_set_release(spinel_op_set* set);

/* What a library of custom operators exports as "spinel_custom_ops": it compares api->abi with SPINEL_OP_ABI,
 * and api->struct_size with what it calls, adds its operators and returns SPINEL_OK, or another code after
 * set_load_error(). Called once for each load. */
typedef int32_t (*spinel_custom_ops_entry)(const spinel_op_api* api, spinel_op_set* set);

#ifdef __cplusplus
}
#endif

#endif /* SPINEL_H */
