#include <spinel.h>
#include <stdio.h>

int main(int argc, char** argv) { /* MODEL.onnx IMAGE */
  spinel_engine* engine = NULL;
  spinel_error* error = NULL;
  spinel_tensor image = {.struct_size = sizeof image}, scores = {.struct_size = sizeof scores};
  spinel_preprocess_options options;
  int64_t best;
  float probability;
  size_t count;
  if (argc != 3) return 2;
  spinel_preprocess_options_init(&options, sizeof options);
  if (spinel_engine_create(argv[1], NULL, &engine, &error) ||
      spinel_preprocess_options_fit(&options, engine, 0, &error) ||
      spinel_preprocess_file(&options, argv[2], &image, &error) ||
      spinel_engine_run(engine, &image, 1, &scores, 1, NULL, &error) ||
      spinel_top_k(&scores, 1, 1, &best, &probability, 1, &count, &error))
    return fprintf(stderr, "%s\n", spinel_error_message(error)), 1;
  printf("class %d, probability %.3f\n", (int)best, probability);
  spinel_tensor_release(&scores);
  spinel_tensor_release(&image);
  spinel_engine_release(engine);
}
