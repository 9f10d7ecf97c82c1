"""Spinel through its C ABI (capi/spinel.h): what a user of libspinel.so gets."""
import ctypes
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_void_p

import numpy

DTYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
          "float16": 10, "float64": 11, "uint32": 12, "uint64": 13}
NAMES = {number: name for name, number in DTYPES.items()}


class Options(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("target", c_char_p), ("input_names", c_void_p),
                ("input_name_count", c_size_t), ("input_sizes", c_void_p), ("input_size_count", c_size_t),
                ("pad_values", c_void_p), ("pad_value_count", c_size_t), ("batch_size", c_int64), ("dtype", c_int32),
                ("keep_io_types", c_int32), ("pad_inputs", c_int32), ("split", c_int32), ("spas", c_int32),
                ("threads_per_spa", c_int32), ("rank", c_int32), ("ranks_on_machine", c_int32),
                ("pass_path", c_char_p), ("save_engine", c_char_p), ("limits", c_void_p), ("log", c_void_p),
                ("log_user", c_void_p), ("onnxruntime_path", c_char_p), ("spin_us", c_int32), ("huge_pages", c_int32),
                ("aliases", c_void_p), ("alias_count", c_size_t), ("parallel_for", c_void_p),
                ("parallel_for_user", c_void_p), ("isa", c_char_p), ("tune", c_int32), ("verify_weights", c_int32),
                ("load_engine", c_char_p)]


class Shape(ctypes.Structure):
    _fields_ = [("dims", POINTER(c_int64)), ("rank", c_size_t)]


class Tensor(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("data", c_void_p), ("size_bytes", c_size_t), ("dims", POINTER(c_int64)),
                ("rank", c_size_t), ("dtype", c_int32), ("reserved", c_int32), ("owner", c_void_p)]


class Info(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("dims", POINTER(c_int64)), ("rank", c_size_t),
                ("dim_names", c_void_p), ("dtype", c_int32), ("has_rank", c_int32), ("batch_axis", c_int32),
                ("reserved", c_int32)]


def tensor_of(array):
    """A view; the array must outlive it."""
    dims = (c_int64 * array.ndim)(*array.shape)
    return Tensor(ctypes.sizeof(Tensor), array.ctypes.data, array.nbytes, dims, array.ndim, DTYPES[str(array.dtype)])


def array_of(tensor):
    """A copy."""
    dtype = numpy.dtype(NAMES[tensor.dtype])
    content = ctypes.string_at(tensor.data, tensor.size_bytes) if tensor.size_bytes else b""
    return numpy.frombuffer(content, dtype).reshape(tensor.dims[: tensor.rank])


class Library:
    def __init__(self, path):
        self.functions = ctypes.CDLL(path)
        self.functions.spinel_error_message.restype = c_char_p
        self.functions.spinel_error_message.argtypes = [c_void_p]
        self.functions.spinel_error_release.argtypes = [c_void_p]
        for name in ("input_count", "output_count"):
            function = getattr(self.functions, f"spinel_engine_{name}")
            function.restype, function.argtypes = c_size_t, [c_void_p]
        self.functions.spinel_tensor_release.argtypes = [c_void_p]
        self.functions.spinel_engine_release.argtypes = [c_void_p]

    def call(self, name, *arguments):
        error = c_void_p()
        if getattr(self.functions, name)(*arguments, byref(error)):
            message = self.functions.spinel_error_message(error).decode()
            self.functions.spinel_error_release(error)
            raise RuntimeError(message)


class Peer:
    """`options`: library, dtype (None: the file's), spas, threads_per_spa, tune, and optionally load_engine or
    save_engine, a path."""

    def __init__(self, setting):
        wanted = setting["options"]
        self.library = Library(wanted["library"])
        options = Options(struct_size=ctypes.sizeof(Options), dtype=DTYPES.get(wanted["dtype"], 0), spas=wanted["spas"],
                          threads_per_spa=wanted["threads_per_spa"], tune=int(wanted["tune"]))
        for name in ("load_engine", "save_engine"):
            if name in wanted:
                setattr(options, name, wanted[name].encode())
        self.engine = c_void_p()
        self.library.call("spinel_engine_create", setting["model"].encode(), byref(options), byref(self.engine))

    def describe(self, kind, index):
        info = Info(struct_size=ctypes.sizeof(Info))
        self.library.call(f"spinel_engine_{kind}", self.engine, c_size_t(index), byref(info))
        return info

    def version(self):
        self.library.functions.spinel_version.restype = c_char_p
        return self.library.functions.spinel_version().decode()

    def prepare(self, arrays):
        self.inputs = []
        for index in range(self.library.functions.spinel_engine_input_count(self.engine)):
            info = self.describe("input", index)
            array = arrays[info.name.decode()]
            self.inputs.append(numpy.require(array, NAMES[info.dtype], "C"))
        self.input_tensors = (Tensor * len(self.inputs))(*map(tensor_of, self.inputs))
        shapes = (Shape * len(self.inputs))(*[Shape(t.dims, t.rank) for t in self.input_tensors])
        self.output_types = []
        for index in range(self.library.functions.spinel_engine_output_count(self.engine)):
            dims, rank, known = (c_int64 * 8)(), c_size_t(), c_int32()
            self.library.call("spinel_engine_output_dims", self.engine, shapes, c_size_t(len(shapes)), c_size_t(index),
                              dims, c_size_t(8), byref(rank), byref(known))
            type_name = NAMES[self.describe("output", index).dtype]
            self.output_types.append((dims[: rank.value], type_name) if known.value else None)

    def run(self):
        """Into new arrays, as several threads may run at once; the other peers' runs make new ones too. The library
        allocates those whose dims only running tells."""
        found = [wanted and numpy.empty(*wanted) for wanted in self.output_types]
        tensors = (Tensor * len(found))(*[Tensor(ctypes.sizeof(Tensor)) if array is None else tensor_of(array)
                                          for array in found])
        self.library.call("spinel_engine_run", self.engine, self.input_tensors, c_size_t(len(self.inputs)), tensors,
                          c_size_t(len(found)), None)
        for index, array in enumerate(found):
            if array is None:
                found[index] = array_of(tensors[index])
                self.library.functions.spinel_tensor_release(byref(tensors[index]))
        return found

    outputs = run

    def names(self):
        """Of the outputs, in their order."""
        count = self.library.functions.spinel_engine_output_count(self.engine)
        return [self.describe("output", index).name.decode() for index in range(count)]

    def close(self):
        self.library.functions.spinel_engine_release(self.engine)
        self.engine = None
