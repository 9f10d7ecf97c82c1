/* Spinel on the threads of its host: the engine is given the program's own loop, and starts no thread.
 *   thread_pool_c [--threads N] MODEL.onnx IMAGE...
 * prints the best class of every image, how many tasks each of the program's threads has done, and how many
 * threads the process had before the engine was loaded and after the last run.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <pthread.h>
#include <spinel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 64 };

/* A loop under way, on the stack of the thread that called for it. Belongs to the pool's lock. */
struct loop {
  spinel_task task;
  void* data;
  int64_t count, next, done;
  struct loop* following;
};

struct pool {
  pthread_mutex_t lock;
  pthread_cond_t wake;     /* There is a loop, or the pool is to end. */
  pthread_cond_t finished; /* A loop is done. */
  struct loop* loops;      /* Those with tasks that nobody has taken. */
  int ending;
  size_t size; /* Threads that were started; who calls for a loop works, too. */
  pthread_t threads[MOST_THREADS];
  int64_t tasks[MOST_THREADS + 1]; /* Done by each thread; the last: by callers. */
};

/* Takes tasks of a loop until none is left to take. Called with the lock, which is open while a task runs. */
static void work_on(struct pool* pool, struct loop* loop, size_t worker) {
  while (loop->next < loop->count) {
    const int64_t index = loop->next++;
    if (loop->next == loop->count) {
      struct loop** link = &pool->loops;
      while (*link != loop) link = &(*link)->following;
      *link = loop->following;
    }
    ++pool->tasks[worker];
    pthread_mutex_unlock(&pool->lock);
    loop->task(loop->data, index);
    pthread_mutex_lock(&pool->lock);
    if (++loop->done == loop->count) pthread_cond_broadcast(&pool->finished);
  }
}

/* What the engine calls: a spinel_parallel_for. Several threads may be in it at once. */
static void parallel_for(void* user, int64_t count, spinel_task task, void* data) {
  struct pool* pool = user;
  struct loop loop;
  if (count <= 0) return;
  memset(&loop, 0, sizeof loop);
  loop.task = task;
  loop.data = data;
  loop.count = count;
  pthread_mutex_lock(&pool->lock);
  loop.following = pool->loops;
  pool->loops = &loop;
  if (count > 1) pthread_cond_broadcast(&pool->wake);
  work_on(pool, &loop, MOST_THREADS);
  while (loop.done != loop.count) pthread_cond_wait(&pool->finished, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

/* A worker finds its number by its place among those that began. */
static void* worker_main(void* user) {
  struct pool* pool = user;
  size_t worker;
  pthread_mutex_lock(&pool->lock);
  worker = pool->size++;
  pthread_cond_broadcast(&pool->finished);
  while (!pool->ending) {
    if (pool->loops != NULL) {
      work_on(pool, pool->loops, worker);
    } else {
      pthread_cond_wait(&pool->wake, &pool->lock);
    }
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

static void pool_end(struct pool* pool, size_t started) {
  size_t i;
  pthread_mutex_lock(&pool->lock);
  pool->ending = 1;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  for (i = 0; i < started; ++i) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->finished);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
}

/* Starts `threads` threads; returns when they are there. 0: it could not, and nothing is left to end. */
static int pool_begin(struct pool* pool, size_t threads) {
  size_t started = 0;
  memset(pool, 0, sizeof *pool);
  if (pthread_mutex_init(&pool->lock, NULL) != 0) return 0;
  if (pthread_cond_init(&pool->wake, NULL) != 0) {
    pthread_mutex_destroy(&pool->lock);
    return 0;
  }
  if (pthread_cond_init(&pool->finished, NULL) != 0) {
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    return 0;
  }
  while (started < threads && pthread_create(&pool->threads[started], NULL, worker_main, pool) == 0)
    ++started;
  if (started < threads) {
    pool_end(pool, started);
    return 0;
  }
  pthread_mutex_lock(&pool->lock);
  while (pool->size < threads) pthread_cond_wait(&pool->finished, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  return 1;
}

/* The threads of this process; -1 where the system does not tell. */
static int threads_now(void) {
  DIR* tasks = opendir("/proc/self/task");
  const struct dirent* entry;
  int count = 0;
  if (tasks == NULL) return -1;
  while ((entry = readdir(tasks)) != NULL) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

/* Prints and frees the error; always 0, "no". */
static int failed(const char* what, spinel_error* error) {
  fprintf(stderr, "%s: %s (%s)\n", what, spinel_error_message(error),
          spinel_code_name(spinel_error_code(error)));
  spinel_error_release(error);
  return 0;
}

static int classify(const spinel_engine* engine, const spinel_preprocess_options* preprocess,
                    const char* path) {
  spinel_tensor image, scores;
  spinel_error* error = NULL;
  int64_t best = 0;
  float probability = 0;
  size_t count = 0;
  int done = 1;
  spinel_tensor_init(&image, sizeof image);
  spinel_tensor_init(&scores, sizeof scores);
  if (spinel_preprocess_file(preprocess, path, &image, &error) != SPINEL_OK ||
      spinel_engine_run(engine, &image, 1, &scores, 1, NULL, &error) != SPINEL_OK ||
      spinel_top_k(&scores, 1, 1, &best, &probability, 1, &count, &error) != SPINEL_OK) {
    done = failed(path, error);
  } else {
    printf("%s: class %d, probability %.3f\n", path, (int)best, (double)probability);
  }
  spinel_tensor_release(&scores);
  spinel_tensor_release(&image);
  return done;
}

static int run(struct pool* pool, int file_count, char** files) {
  spinel_engine_options options;
  spinel_preprocess_options preprocess;
  spinel_engine* engine = NULL;
  spinel_error* error = NULL;
  const int threads_before = threads_now();
  size_t worker;
  int i, done = 1;
  spinel_engine_options_init(&options, sizeof options);
  spinel_preprocess_options_init(&preprocess, sizeof preprocess);
  options.parallel_for = parallel_for;
  options.parallel_for_user = pool;
  options.spas = 1;
  options.threads_per_spa = (int32_t)pool->size + 1; /* Those that work on one run. */
  if (spinel_engine_create(files[0], &options, &engine, &error) != SPINEL_OK ||
      spinel_preprocess_options_fit(&preprocess, engine, 0, &error) != SPINEL_OK) {
    done = failed(files[0], error);
  } else {
    for (i = 1; i < file_count; ++i) done &= classify(engine, &preprocess, files[i]);
    printf("threads: %d before, %d after\n", threads_before, threads_now());
    printf("tasks: %lld by the caller", (long long)pool->tasks[MOST_THREADS]);
    for (worker = 0; worker < pool->size; ++worker) printf(", %lld", (long long)pool->tasks[worker]);
    printf("\n");
  }
  spinel_engine_release(engine);
  return done;
}

int main(int argc, char** argv) {
  struct pool pool;
  long threads = 2;
  int first = 1, done;
  if (argc > 2 && strcmp(argv[1], "--threads") == 0) {
    char* end;
    threads = strtol(argv[2], &end, 10);
    if (*end != '\0') threads = 0;
    first = 3;
  }
  if (argc - first < 2 || threads < 1 || threads > MOST_THREADS) {
    fprintf(stderr, "usage: %s [--threads 1-%d] MODEL.onnx IMAGE...\n", argv[0], MOST_THREADS);
    return 2;
  }
  if (!pool_begin(&pool, (size_t)threads)) {
    fprintf(stderr, "%ld threads could not be started\n", threads);
    return EXIT_FAILURE;
  }
  done = run(&pool, argc - first, argv + first);
  pool_end(&pool, (size_t)threads);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
