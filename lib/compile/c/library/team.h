/* The loop that runs a program on several threads. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* Threads that work through one program together. */
struct team {
  word threads;
  atomic_long waiting, phase;
  atomic_int state;
};

enum { GATHERING, RUNNING, GIVEN_UP };

/* A barrier: waits until all threads of a team have reached it. */
static void barrier(struct team *team) {
  long phase = atomic_load(&team->phase);
  if (atomic_fetch_add(&team->waiting, 1) + 1 == team->threads) {
    atomic_store(&team->waiting, 0);
    atomic_store(&team->phase, phase + 1);
    return;
  }
  for (long turns = 0; atomic_load(&team->phase) == phase; turns++) {
    if (turns > 1000) sched_yield();
  }
}

struct worker {
  const word *program;
  float *scratch;
  struct team *team;
};

/* A program is a list of calls: kernel or 0 for a barrier, number of arguments, begin, end, arguments. It ends with -1. */
static void *work(void *given) {
  struct worker *worker = given;
  const word *call = worker->program;
  while (atomic_load(&worker->team->state) == GATHERING) sched_yield();
  if (atomic_load(&worker->team->state) == GIVEN_UP) return NULL;
  while (call[0] != -1) {
    if (call[0] == 0) barrier(worker->team);
    else ((kernel *)call[0])(call + CALL_WORDS, call[2], call[3], worker->scratch);
    call += CALL_WORDS + call[1];
  }
  return NULL;
}

/* Works through a program per thread. @param programs, scratches of each thread @return 0, or the error of the system */
int run_programs(const word *const *programs, float *const *scratches, word threads) {
  struct team team = {.threads = threads, .state = GATHERING};
  struct worker workers[threads];
  pthread_t others[threads];
  for (word i = 0; i < threads; i++) workers[i] = (struct worker){programs[i], scratches[i], &team};
  word started = 1;
  int error = 0;
  while (started < threads && error == 0) {
    error = pthread_create(&others[started], NULL, work, &workers[started]);
    if (error == 0) started++;
  }
  /* Without one thread the others would wait at the first barrier for ever: they return at once. */
  atomic_store(&team.state, error == 0 ? RUNNING : GIVEN_UP);
  work(&workers[0]);
  for (word i = 1; i < started; i++) pthread_join(others[i], NULL);
  return error;
}
