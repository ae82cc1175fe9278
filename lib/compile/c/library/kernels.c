/* The kernels that every program uses besides its own. */
#include "vector.h"
#include "packing.h"
#include "products.h"
#include "team.h"
#include "populate.h"

enum { AXES = 6 };

/* A place in each of two tensors, which goes along all axes but the first and the last. */
struct walk {
  word at[AXES];
  word from, to;
};

/* Goes to the next place; 0 behind the last one. */
static int go_on(struct walk *walk, const word *length, const word *in, const word *out) {
  for (int axis = AXES - 2; axis > 0; axis--) {
    walk->from += in[axis];
    walk->to += out[axis];
    if (++walk->at[axis] < length[axis]) return 1;
    walk->from -= length[axis] * in[axis];
    walk->to -= length[axis] * out[axis];
    walk->at[axis] = 0;
  }
  return 0;
}

/* Copies elements of four bytes: from, to, lengths of six axes, outermost first, steps in the source, in the copy. */
void copy_elements(const word *a, word begin, word end, float *scratch) {
  const word *length = a + 2, *in = a + 2 + AXES, *out = a + 2 + 2 * AXES;
  word inner = length[AXES - 1], step = in[AXES - 1], to_step = out[AXES - 1];
  (void)scratch;
  for (word i = begin; i < end; i++) {
    struct walk walk = {.from = i * in[0], .to = i * out[0]};
    do {
      const int32_t *from = (const int32_t *)a[0] + walk.from;
      int32_t *to = (int32_t *)a[1] + walk.to;
      if (step == 1 && to_step == 1) memcpy(to, from, inner * sizeof *to);
      else for (word k = 0; k < inner; k++) to[k * to_step] = from[k * step];
    } while (go_on(&walk, length, in, out));
  }
}

/* Fills elements of four bytes: to, lengths of six axes, outermost first, steps, bits of the value. */
void fill_elements(const word *a, word begin, word end, float *scratch) {
  const word *length = a + 1, *out = a + 1 + AXES;
  word step = out[AXES - 1];
  int32_t value = (int32_t)a[1 + 2 * AXES];
  (void)scratch;
  for (word i = begin; i < end; i++) {
    struct walk walk = {.to = i * out[0]};
    do {
      int32_t *to = (int32_t *)a[0] + walk.to;
      for (word k = 0; k < length[AXES - 1]; k++) to[k * step] = value;
    } while (go_on(&walk, length, out, out));
  }
}

/* Slices of a table: table [outer, rows, inner], indices, copy [outer, count, inner]; arguments table, indices, copy,
   rows, count, inner. Works on copied slices. */
void gather_rows(const word *a, word begin, word end, float *scratch) {
  const int32_t *table = (const int32_t *)a[0], *indices = (const int32_t *)a[1];
  int32_t *copy = (int32_t *)a[2];
  word rows = a[3], count = a[4], inner = a[5];
  (void)scratch;
  for (word i = begin; i < end; i++) {
    word outer = i / count;
    memcpy(copy + i * inner, table + (outer * rows + indices[i % count]) * inner, inner * sizeof *copy);
  }
}

/* Sums, means or largest values along the middle axis of [outer, reduced, inner]: from, to, reduced, inner, and 0 for the
   sum, 1 for the mean, 2 for the largest. Works on the outer axis. Blocks of 32 are summed apart, which rounds less. */
void reduce_middle(const word *a, word begin, word end, float *scratch) {
  const float *from = (const float *)a[0];
  float *to = (float *)a[1];
  word reduced = a[2], inner = a[3];
  (void)scratch;
  for (word outer = begin; outer < end; outer++) {
    for (word first = 0; first < inner; first += LANES) {
      word count = smaller(LANES, inner - first);
      float total[LANES] = {0}, block[LANES] = {0};
      for (word i = 0; i < reduced; i++) {
        const float *x = from + (outer * reduced + i) * inner + first;
        if (a[4] == 2) {
          for (word j = 0; j < count; j++) total[j] = i == 0 ? x[j] : fmaxf(total[j], x[j]);
          continue;
        }
        if (count == LANES) {
          for (word j = 0; j < LANES; j++) block[j] += x[j];
        } else {
          for (word j = 0; j < count; j++) block[j] += x[j];
        }
        if (i % 32 == 31 || i == reduced - 1) {
          for (word j = 0; j < LANES; j++) {
            total[j] += block[j];
            block[j] = 0;
          }
        }
      }
      for (word j = 0; j < count; j++) to[outer * inner + first + j] = a[4] == 1 ? total[j] / (float)reduced : total[j];
    }
  }
}

/* In the order of KERNEL_NAMES in lib/compile/c/plan/calls.ts. */
kernel *const kernel_table[] = {matrix_products, copy_elements, fill_elements, gather_rows, reduce_middle};
