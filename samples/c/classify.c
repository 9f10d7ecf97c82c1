/* What is in the images? Spinel through its C ABI, step by step:
 *   classify_c [--preset NAME] MODEL.onnx LABELS.txt IMAGE...
 * prints the five best classes of every image. Images that cannot be used are named; then the exit code is 1.
 */
#include <spinel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS = 5 };

/* What main() opens and closes. */
struct session {
  spinel_engine* engine;
  spinel_strings* labels;
  spinel_preprocess_options preprocess;
};

/* Prints and frees the error; always 0, "no". */
static int failed(const char* what, spinel_error* error) {
  fprintf(stderr, "%s: %s (%s)\n", what, spinel_error_message(error),
          spinel_code_name(spinel_error_code(error)));
  spinel_error_release(error);
  return 0;
}

static int open_session(struct session* session, const char* preset, const char* model, const char* labels) {
  spinel_error* error = NULL;

  if (spinel_engine_create(model, NULL, &session->engine, &error) != SPINEL_OK) return failed(model, error);
  if (spinel_labels_load(labels, 0, &session->labels, &error) != SPINEL_OK) return failed(labels, error);

  /* The model's input says which size and type images need. */
  spinel_preprocess_options_init(&session->preprocess, sizeof session->preprocess);
  if (spinel_preprocess_options_preset(&session->preprocess, preset, &error) != SPINEL_OK)
    return failed("--preset", error);
  if (spinel_preprocess_options_fit(&session->preprocess, session->engine, 0, &error) != SPINEL_OK)
    return failed(model, error);
  return 1;
}

static void close_session(struct session* session) {
  spinel_strings_release(session->labels);
  spinel_engine_release(session->engine);
}

static void print_answers(const struct session* session, const char* path, const int64_t* classes,
                          const float* scores, size_t count) {
  size_t i;
  printf("%s\n", path);
  for (i = 0; i < count; ++i) {
    const char* name = spinel_strings_get(session->labels, (size_t)classes[i]);
    printf("  %.3f %s\n", (double)scores[i], name != NULL ? name : "(a class without a label)");
  }
}

static int classify(const struct session* session, const char* path) {
  spinel_error* error = NULL;
  spinel_tensor image, scores;
  int64_t classes[ANSWERS];
  float probabilities[ANSWERS];
  size_t count = 0;
  int done = 0;

  /* Without data of ours the library allocates: see spinel_tensor in spinel.h. */
  spinel_tensor_init(&image, sizeof image);
  spinel_tensor_init(&scores, sizeof scores);
  if (spinel_preprocess_file(&session->preprocess, path, &image, &error) != SPINEL_OK ||
      spinel_engine_run(session->engine, &image, 1, &scores, 1, NULL, &error) != SPINEL_OK ||
      spinel_top_k(&scores, 1, ANSWERS, classes, probabilities, ANSWERS, &count, &error) != SPINEL_OK) {
    failed(path, error);
  } else {
    print_answers(session, path, classes, probabilities, count);
    done = 1;
  }
  spinel_tensor_release(&scores);
  spinel_tensor_release(&image);
  return done;
}

int main(int argc, char** argv) {
  struct session session;
  const char* preset = "imagenet";
  int first = 1, i, all_done = 1;

  if (argc > 2 && strcmp(argv[1], "--preset") == 0) {
    preset = argv[2];
    first = 3;
  }
  if (argc - first < 3) {
    fprintf(stderr, "usage: %s [--preset NAME] MODEL.onnx LABELS.txt IMAGE...\n", argv[0]);
    return 2;
  }
  memset(&session, 0, sizeof session);
  if (open_session(&session, preset, argv[first], argv[first + 1])) {
    for (i = first + 2; i < argc; ++i) all_done &= classify(&session, argv[i]);
  } else {
    all_done = 0;
  }
  close_session(&session);
  return all_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
