/* A folder of images through an engine with several requests in flight: while the engine works on some images
 * this thread decodes the next ones.
 *   async_queue_c [--preset NAME] [--in-flight N] MODEL.onnx LABELS.txt FOLDER
 * prints the best class of every image in name order. Images that cannot be used are named; then the exit
 * code is 1.
 */
#include <spinel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_IN_FLIGHT = 64 };

/* An image on its way; request NULL: the slot is free. Neither the tensors nor the slot may move before the
 * request is finished. */
struct slot {
  const char* path; /* Borrowed from the dataset. */
  spinel_tensor image;
  spinel_tensor scores;
  spinel_request* request;
};

/* Slots are taken and given back in the same order, round and round: results come in the order of the images,
 * whichever run is finished first. */
struct queue {
  const spinel_engine* engine;
  const spinel_strings* labels;
  const spinel_preprocess_options* preprocess;
  struct slot slots[MOST_IN_FLIGHT];
  size_t size, first, used;
};

/* Prints and frees the error; always 0, "no". */
static int failed(const char* what, spinel_error* error) {
  fprintf(stderr, "%s: %s (%s)\n", what, spinel_error_message(error),
          spinel_code_name(spinel_error_code(error)));
  spinel_error_release(error);
  return 0;
}

static void empty_slot(struct slot* slot) {
  spinel_request_release(slot->request); /* Cancels a run that is not finished, and waits for it. */
  slot->request = NULL;
  spinel_tensor_release(&slot->scores);
  spinel_tensor_release(&slot->image);
}

/* Preprocesses an image and starts its run. There must be a free slot. */
static int start(struct queue* queue, const char* path) {
  struct slot* slot = &queue->slots[(queue->first + queue->used) % queue->size];
  spinel_error* error = NULL;
  slot->path = path;
  spinel_tensor_init(&slot->image, sizeof slot->image);
  spinel_tensor_init(&slot->scores, sizeof slot->scores);
  if (spinel_preprocess_file(queue->preprocess, path, &slot->image, &error) != SPINEL_OK ||
      spinel_engine_run_async(queue->engine, &slot->image, 1, &slot->scores, 1, &slot->request, &error) !=
          SPINEL_OK) {
    empty_slot(slot);
    return failed(path, error);
  }
  ++queue->used;
  return 1;
}

/* Waits for the oldest image, prints its answer and frees its slot. */
static int finish_oldest(struct queue* queue) {
  struct slot* slot = &queue->slots[queue->first];
  spinel_error* error = NULL;
  int64_t best = 0;
  float probability = 0;
  size_t count = 0;
  int done = 1;
  if (spinel_request_wait(slot->request, -1, NULL, &error) != SPINEL_OK ||
      spinel_top_k(&slot->scores, 1, 1, &best, &probability, 1, &count, &error) != SPINEL_OK) {
    done = failed(slot->path, error);
  } else {
    const char* name = spinel_strings_get(queue->labels, (size_t)best);
    printf("%s: %.3f %s\n", slot->path, (double)probability,
           name != NULL ? name : "(a class without a label)");
  }
  empty_slot(slot);
  queue->first = (queue->first + 1) % queue->size;
  --queue->used;
  return done;
}

static int run_folder(struct queue* queue, const char* folder) {
  spinel_dataset* images = NULL;
  spinel_error* error = NULL;
  size_t i;
  int all_done = 1;
  if (spinel_dataset_list(folder, &images, &error) != SPINEL_OK) return failed(folder, error);
  for (i = 0; i < spinel_dataset_size(images); ++i) {
    spinel_sample sample;
    if (spinel_dataset_sample(images, i, &sample, &error) != SPINEL_OK) {
      all_done = failed(folder, error);
      break;
    }
    if (queue->used == queue->size) all_done &= finish_oldest(queue);
    all_done &= start(queue, sample.path);
  }
  while (queue->used != 0) all_done &= finish_oldest(queue);
  spinel_dataset_release(images);
  return all_done;
}

static int run(const char* preset, size_t in_flight, char** files) {
  struct queue queue;
  spinel_engine* engine = NULL;
  spinel_strings* labels = NULL;
  spinel_preprocess_options preprocess;
  spinel_error* error = NULL;
  int done;
  spinel_preprocess_options_init(&preprocess, sizeof preprocess);
  if (spinel_engine_create(files[0], NULL, &engine, &error) != SPINEL_OK) {
    done = failed(files[0], error);
  } else if (spinel_labels_load(files[1], 0, &labels, &error) != SPINEL_OK) {
    done = failed(files[1], error);
  } else if (spinel_preprocess_options_preset(&preprocess, preset, &error) != SPINEL_OK) {
    done = failed("--preset", error);
  } else if (spinel_preprocess_options_fit(&preprocess, engine, 0, &error) != SPINEL_OK) {
    done = failed(files[0], error);
  } else {
    memset(&queue, 0, sizeof queue);
    queue.engine = engine;
    queue.labels = labels;
    queue.preprocess = &preprocess;
    queue.size = in_flight;
    done = run_folder(&queue, files[2]);
  }
  spinel_strings_release(labels);
  spinel_engine_release(engine);
  return done;
}

int main(int argc, char** argv) {
  const char* preset = "imagenet";
  long in_flight = 4;
  int i = 1;
  for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
    if (strcmp(argv[i], "--preset") == 0) {
      preset = argv[i + 1];
    } else if (strcmp(argv[i], "--in-flight") == 0) {
      char* end;
      in_flight = strtol(argv[i + 1], &end, 10);
      if (*end != '\0') in_flight = 0;
    } else {
      break;
    }
  }
  if (argc - i != 3 || in_flight < 1 || in_flight > MOST_IN_FLIGHT) {
    fprintf(stderr, "usage: %s [--preset NAME] [--in-flight 1-%d] MODEL.onnx LABELS.txt FOLDER\n", argv[0],
            MOST_IN_FLIGHT);
    return 2;
  }
  return run(preset, (size_t)in_flight, argv + i) ? EXIT_SUCCESS : EXIT_FAILURE;
}
