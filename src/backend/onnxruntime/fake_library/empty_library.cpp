// A shared library that is not ONNX Runtime.
extern "C" __attribute__((visibility("default"))) int empty_library() { return 0; }
