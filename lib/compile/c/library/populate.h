/* Prefaults memory that is reserved and not yet present. */
#include <sys/mman.h>
#include <unistd.h>

/* Makes pages present without changing what is in them; where the system cannot (before Linux 5.14), nothing happens. */
void populate(const word *addresses, const word *lengths, word count) {
#ifdef __linux__
  enum { POPULATE_WRITE = 23 };
  /* Each call locks the map of the process's memory; other threads that map memory wait for one piece at most. */
  const word piece = 1 << 21, page = sysconf(_SC_PAGESIZE);
  for (word i = 0; i < count; i++) {
    word begin = (addresses[i] + page - 1) / page * page, end = (addresses[i] + lengths[i]) / page * page;
    for (word at = begin; at < end; at += piece) {
      word bytes = end - at < piece ? end - at : piece;
      if (madvise((void *)at, bytes, POPULATE_WRITE) != 0) break;
    }
  }
#else
  (void)addresses, (void)lengths, (void)count;
#endif
}
