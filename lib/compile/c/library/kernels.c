/* The kernels that every program uses besides its own. */
#include "vector.h"
#include "packing.h"
#include "products.h"
#include "team.h"
#include "populate.h"

/* A place in each of two tensors, which goes along all axes but the first and the last. */
struct walk {
  word at[COPY_AXES];
  word from, to;
};

/* Goes to the next place; 0 behind the last one. */
static int go_on(struct walk *walk, const word *length, const word *in, const word *out) {
  for (int axis = COPY_AXES - 2; axis > 0; axis--) {
    walk->from += in[axis];
    walk->to += out[axis];
    if (++walk->at[axis] < length[axis]) return 1;
    walk->from -= length[axis] * in[axis];
    walk->to -= length[axis] * out[axis];
    walk->at[axis] = 0;
  }
  return 0;
}

void copy_elements(const word *a, word begin, word end, float *scratch) {
  const struct copy_elements *given = (const void *)a;
  const word *length = given->lengths, *in = given->from_steps, *out = given->to_steps;
  word inner = length[COPY_AXES - 1], step = in[COPY_AXES - 1], to_step = out[COPY_AXES - 1];
  (void)scratch;
  for (word i = begin; i < end; i++) {
    struct walk walk = {.from = i * in[0], .to = i * out[0]};
    do {
      const int32_t *from = given->from + walk.from;
      int32_t *to = given->to + walk.to;
      if (step == 1 && to_step == 1) memcpy(to, from, inner * sizeof *to);
      else for (word k = 0; k < inner; k++) to[k * to_step] = from[k * step];
    } while (go_on(&walk, length, in, out));
  }
}

void fill_elements(const word *a, word begin, word end, float *scratch) {
  const struct fill_elements *given = (const void *)a;
  const word *length = given->lengths, *out = given->steps;
  word step = out[COPY_AXES - 1];
  int32_t value = (int32_t)given->bits;
  (void)scratch;
  for (word i = begin; i < end; i++) {
    struct walk walk = {.to = i * out[0]};
    do {
      int32_t *to = given->to + walk.to;
      for (word k = 0; k < length[COPY_AXES - 1]; k++) to[k * step] = value;
    } while (go_on(&walk, length, out, out));
  }
}

void gather_rows(const word *a, word begin, word end, float *scratch) {
  const struct gather_rows *given = (const void *)a;
  const int32_t *table = given->table, *indices = given->indices;
  int32_t *copy = given->copy;
  word rows = given->rows, count = given->count, inner = given->inner;
  (void)scratch;
  for (word i = begin; i < end; i++) {
    word outer = i / count;
    memcpy(copy + i * inner, table + (outer * rows + indices[i % count]) * inner, inner * sizeof *copy);
  }
}

void reduce_middle(const word *a, word begin, word end, float *scratch) {
  const struct reduce_middle *given = (const void *)a;
  const float *from = given->from;
  float *to = given->to;
  word reduced = given->reduced, inner = given->inner, reduction = given->reduction;
  (void)scratch;
  for (word outer = begin; outer < end; outer++) {
    for (word first = 0; first < inner; first += LANES) {
      word count = smaller(LANES, inner - first);
      float total[LANES] = {0}, block[LANES] = {0};
      for (word i = 0; i < reduced; i++) {
        const float *x = from + (outer * reduced + i) * inner + first;
        if (reduction == REDUCE_MAX) {
          for (word j = 0; j < count; j++) total[j] = i == 0 ? x[j] : fmaxf(total[j], x[j]);
          continue;
        }
        if (count == LANES) {
          for (word j = 0; j < LANES; j++) block[j] += x[j];
        } else {
          for (word j = 0; j < count; j++) block[j] += x[j];
        }
        if (i % SUM_BLOCK == SUM_BLOCK - 1 || i == reduced - 1) {
          for (word j = 0; j < LANES; j++) {
            total[j] += block[j];
            block[j] = 0;
          }
        }
      }
      for (word j = 0; j < count; j++) {
        to[outer * inner + first + j] = reduction == REDUCE_MEAN ? total[j] / (float)reduced : total[j];
      }
    }
  }
}

kernel *const kernel_table[] = FUNCTION_TABLE;
