/* The kernels that every program uses, and the loop that runs a program. The others are written per program. */
#include "vector.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));

enum { TILE_COLUMNS = 2 * LANES, PANEL_DEPTH = 384, PANEL_COLUMNS = 1024, PACKED_TILES = 8 };

/* The depth that is multiplied at a time, and what becomes of the sums. */
struct tile {
  word depth, a_row, a_depth, c_row;
  const float *a, *b, *bias;
  float *c, scale;
  int first, last;
};

/* C[rows, 2 vectors] from rows of A and a packed panel of B. */
#define DEFINE_TILE(ROWS)                                                                          \
  static void tile_##ROWS(const struct tile *given) {                                                         \
    const struct tile t = *given;                                                                  \
    vector sum[ROWS][2];                                                                           \
    const float *a = t.a, *b = t.b;                                                                \
    _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) sum[i][0] = sum[i][1] = (vector){0};   \
    for (word k = 0; k < t.depth; k++) {                                                           \
      vector left = *(const vector *)b, right = *(const vector *)(b + LANES);                      \
      b += TILE_COLUMNS;                                                                           \
      _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) {                                    \
        vector factor = a[i * t.a_row] - (vector){0};                                              \
        sum[i][0] += factor * left;                                                                \
        sum[i][1] += factor * right;                                                               \
      }                                                                                            \
      a += t.a_depth;                                                                              \
    }                                                                                              \
    vector biases[2] = {{0}, {0}};                                                                 \
    if (t.last && t.bias) {                                                                        \
      biases[0] = *(const vector *)t.bias;                                                         \
      biases[1] = *(const vector *)(t.bias + LANES);                                               \
    }                                                                                              \
    float scale = t.last ? t.scale : 1.0f;                                                         \
    _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int j = 0; j < 2; j++) { \
      vector *c = (vector *)(t.c + i * t.c_row + j * LANES);                                       \
      vector total = t.first ? sum[i][j] : *c + sum[i][j];                                         \
      *c = total * scale + biases[j];                                                              \
    }                                                                                              \
  }

#if TILE_ROWS == 14
DEFINE_TILE(14)
DEFINE_TILE(8)
#elif TILE_ROWS == 6
DEFINE_TILE(6)
#else
DEFINE_TILE(8)
#endif
DEFINE_TILE(4)
DEFINE_TILE(2)
DEFINE_TILE(1)

/* Multiplies a tile of any height up to TILE_ROWS that is in the table below. */
typedef void tile_kernel(const struct tile *);

struct tile_size {
  word rows;
  tile_kernel *multiply;
};

/* The tallest first. */
static const struct tile_size tile_sizes[] = {
#if TILE_ROWS == 14
    {14, tile_14}, {8, tile_8},
#elif TILE_ROWS == 6
    {6, tile_6},
#else
    {8, tile_8},
#endif
    {4, tile_4},   {2, tile_2}, {1, tile_1},
};

static struct tile_size tile_size_for(word rows) {
  const struct tile_size *size = tile_sizes;
  while (size->rows > rows) size++;
  return *size;
}

static word smaller(word a, word b) { return a < b ? a : b; }

/* The last columns of a product, fewer than a tile has: worked on in a copy. */
static void multiply_edge(struct tile_size size, struct tile t, word columns) {
  float copy[TILE_ROWS][TILE_COLUMNS] = {{0}}, bias[TILE_COLUMNS] = {0};
  float *c = t.c;
  word c_row = t.c_row;
  if (!t.first) {
    for (word i = 0; i < size.rows; i++) memcpy(copy[i], c + i * c_row, columns * sizeof *c);
  }
  if (t.bias) {
    memcpy(bias, t.bias, columns * sizeof *bias);
    t.bias = bias;
  }
  t.c = copy[0];
  t.c_row = TILE_COLUMNS;
  size.multiply(&t);
  for (word i = 0; i < size.rows; i++) memcpy(c + i * c_row, copy[i], columns * sizeof *c);
}

typedef int32_t lanes __attribute__((vector_size(4 * LANES)));

/* Swaps blocks of `step` lanes between rows that are `step` apart. */
#define SWAP_BLOCKS(step)                                                                          \
  for (int i = 0; i < LANES; i++) {                                                                \
    if (i & step) continue;                                                                        \
    vector a = row[i], b = row[i + step];                                                          \
    row[i] = __builtin_shuffle(a, b, upper_##step);                                                \
    row[i + step] = __builtin_shuffle(a, b, lower_##step);                                         \
  }

static lanes block_mask(int step, int lower) {
  lanes mask;
  for (int lane = 0; lane < LANES; lane++) {
    int own = (lane & step) != 0;
    mask[lane] = lower ? (own ? LANES + lane : lane + step) : (own ? LANES + lane - step : lane);
  }
  return mask;
}

/* A square of LANES rows and columns, mirrored. */
static void transpose_square(const float *from, word from_row, float *to, word to_row) {
  const lanes upper_1 = block_mask(1, 0), lower_1 = block_mask(1, 1);
  const lanes upper_2 = block_mask(2, 0), lower_2 = block_mask(2, 1);
  vector row[LANES];
  for (int i = 0; i < LANES; i++) row[i] = *(const vector *)(from + i * from_row);
  SWAP_BLOCKS(1)
  SWAP_BLOCKS(2)
#if LANES > 4
  const lanes upper_4 = block_mask(4, 0), lower_4 = block_mask(4, 1);
  SWAP_BLOCKS(4)
#endif
#if LANES > 8
  const lanes upper_8 = block_mask(8, 0), lower_8 = block_mask(8, 1);
  SWAP_BLOCKS(8)
#endif
  for (int i = 0; i < LANES; i++) *(vector *)(to + i * to_row) = row[i];
}

/* Columns of B side by side, [depth, TILE_COLUMNS] for each tile, with zeros after the last one. */
static void pack_columns(const float *b, word row, word column, word depth, word columns, float *packed) {
  for (word first = 0; first < columns; first += TILE_COLUMNS, packed += depth * TILE_COLUMNS) {
    word count = smaller(TILE_COLUMNS, columns - first);
    const float *from = b + first * column;
    if (count < TILE_COLUMNS) memset(packed, 0, depth * TILE_COLUMNS * sizeof *packed);
    if (column == 1) {
      if (count == TILE_COLUMNS) {
        for (word k = 0; k < depth; k++) memcpy(packed + k * TILE_COLUMNS, from + k * row, TILE_COLUMNS * sizeof *packed);
      } else {
        for (word k = 0; k < depth; k++) memcpy(packed + k * TILE_COLUMNS, from + k * row, count * sizeof *packed);
      }
      continue;
    }
    word squares = row == 1 && count == TILE_COLUMNS ? depth / LANES * LANES : 0;
    for (word k = 0; k < squares; k += LANES) {
      for (word j = 0; j < TILE_COLUMNS; j += LANES) {
        transpose_square(from + j * column + k, column, packed + k * TILE_COLUMNS + j, TILE_COLUMNS);
      }
    }
    for (word k = squares; k < depth; k++) {
      for (word j = 0; j < count; j++) packed[k * TILE_COLUMNS + j] = from[k * row + j * column];
    }
  }
}

/* Rows of a transposed A side by side, [depth, TILE_ROWS] for each full tile; @returns how many rows */
static word pack_tiles(const float *a, word step, word depth, word rows, float *packed) {
  word tiles = rows / TILE_ROWS;
  for (word k = 0; k < depth; k++) {
    for (word tile = 0; tile < tiles; tile++) {
      memcpy(packed + (tile * depth + k) * TILE_ROWS, a + k * step + tile * TILE_ROWS, TILE_ROWS * sizeof *packed);
    }
  }
  return tiles * TILE_ROWS;
}

/* The same for fewer rows than a tile has, or rows that do not lie side by side. */
static void pack_rows(const float *a, word row, word step, word depth, word rows, float *packed) {
  for (word k = 0; k < depth; k++) {
    for (word i = 0; i < rows; i++) packed[k * rows + i] = a[i * row + k * step];
  }
}

/* One product of a batch. */
struct product {
  word n, k, a_row, a_column, b_row, b_column, c_row;
  const float *a, *b, *bias;
  float *c, scale;
};

/* Rows `begin` to `end` of C = scale A B + bias. */
static void multiply(struct product p, word begin, word end, float *scratch) {
  float *panel = scratch, *rows_of_a = scratch + PANEL_DEPTH * PANEL_COLUMNS;
  for (word k = 0; k < p.k; k += PANEL_DEPTH) {
    word depth = smaller(PANEL_DEPTH, p.k - k);
    for (word first = 0; first < p.n; first += PANEL_COLUMNS) {
      word columns = smaller(PANEL_COLUMNS, p.n - first);
      pack_columns(p.b + k * p.b_row + first * p.b_column, p.b_row, p.b_column, depth, columns, panel);
      word packed_from = begin, packed = begin;
      for (word i = begin; i < end;) {
        if (p.a_row == 1 && p.a_column != 1 && i == packed) {
          const float *from = p.a + i + k * p.a_column;
          packed_from = i;
          packed += pack_tiles(from, p.a_column, depth, smaller(end - i, PACKED_TILES * TILE_ROWS), rows_of_a);
        }
        struct tile_size size = tile_size_for(end - i);
        struct tile t = {
            .depth = depth, .a = p.a + i * p.a_row + k * p.a_column, .a_row = p.a_row, .a_depth = p.a_column,
            .c_row = p.c_row, .scale = p.scale, .first = k == 0, .last = k + depth == p.k};
        if (p.a_row == 1 && p.a_column != 1 && i < packed) {
          t.a = rows_of_a + (i - packed_from) * depth;
          t.a_row = 1;
          t.a_depth = TILE_ROWS;
        } else if (p.a_column != 1) {
          pack_rows(t.a, p.a_row, p.a_column, depth, size.rows, rows_of_a);
          t.a = rows_of_a;
          t.a_row = 1;
          t.a_depth = size.rows;
        }
        for (word j = 0; j < columns; j += TILE_COLUMNS) {
          t.b = panel + j * depth;
          t.c = p.c + i * p.c_row + first + j;
          t.bias = p.bias && t.last ? p.bias + first + j : NULL;
          if (columns - j >= TILE_COLUMNS) size.multiply(&t);
          else multiply_edge(size, t, columns - j);
        }
        i += size.rows;
      }
    }
  }
}

/*
 * Matrix products: m, n, k; A with its steps from row to row and from column to column; B likewise; C with its step from
 * row to row; bias of the columns or 0; bits of the scale; then three axes of a batch, outermost first: their lengths,
 * and the steps along them in A, B and C. Works on matrices if there are several, on rows otherwise.
 */
void matrix_products(const word *a, word begin, word end, float *scratch) {
  struct product p = {
      .n = a[1], .k = a[2], .a = (const float *)a[3], .a_row = a[4], .a_column = a[5], .b = (const float *)a[6],
      .b_row = a[7], .b_column = a[8], .c = (float *)a[9], .c_row = a[10], .bias = (const float *)a[11],
      .scale = bits_to_float((int32_t)a[12])};
  const word *length = a + 13, *a_step = a + 16, *b_step = a + 19, *c_step = a + 22;
  if (length[0] * length[1] * length[2] == 1) {
    multiply(p, begin, end, scratch);
    return;
  }
  for (word index = begin; index < end; index++) {
    word z = index % length[2], y = index / length[2] % length[1], x = index / length[2] / length[1];
    struct product one = p;
    one.a += x * a_step[0] + y * a_step[1] + z * a_step[2];
    one.b += x * b_step[0] + y * b_step[1] + z * b_step[2];
    one.c += x * c_step[0] + y * c_step[1] + z * c_step[2];
    multiply(one, 0, a[0], scratch);
  }
}

enum { AXES = 6 };

/* Where an element lies: `index` counts along all axes but the first and the last, `i` along the first. */
static word offset_of(word i, word index, const word *length, const word *step) {
  word offset = i * step[0];
  for (int axis = AXES - 2; axis > 0; axis--) {
    offset += index % length[axis] * step[axis];
    index /= length[axis];
  }
  return offset;
}

static word count_between(const word *length) {
  word count = 1;
  for (int axis = 1; axis < AXES - 1; axis++) count *= length[axis];
  return count;
}

/* Copies elements of four bytes: from, to, lengths of six axes, outermost first, steps in the source, in the copy. */
void copy_elements(const word *a, word begin, word end, float *scratch) {
  const word *length = a + 2, *in = a + 2 + AXES, *out = a + 2 + 2 * AXES;
  word count = count_between(length), inner = length[AXES - 1], step = in[AXES - 1], to_step = out[AXES - 1];
  (void)scratch;
  for (word i = begin; i < end; i++) {
    for (word index = 0; index < count; index++) {
      const int32_t *from = (const int32_t *)a[0] + offset_of(i, index, length, in);
      int32_t *to = (int32_t *)a[1] + offset_of(i, index, length, out);
      if (step == 1 && to_step == 1) memcpy(to, from, inner * sizeof *to);
      else for (word k = 0; k < inner; k++) to[k * to_step] = from[k * step];
    }
  }
}

/* Fills elements of four bytes: to, lengths of six axes, outermost first, steps, bits of the value. */
void fill_elements(const word *a, word begin, word end, float *scratch) {
  const word *length = a + 1, *out = a + 1 + AXES;
  word count = count_between(length), step = out[AXES - 1];
  int32_t value = (int32_t)a[1 + 2 * AXES];
  (void)scratch;
  for (word i = begin; i < end; i++) {
    for (word index = 0; index < count; index++) {
      int32_t *to = (int32_t *)a[0] + offset_of(i, index, length, out);
      for (word k = 0; k < length[AXES - 1]; k++) to[k * step] = value;
    }
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

/* Threads that work through one program together. */
struct team {
  word threads;
  atomic_long waiting, phase;
};

/* Waits until all of a team are here. */
static void meet(struct team *team) {
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

/* A program is a list of calls: kernel or 0 for a meeting, number of arguments, begin, end, arguments. It ends with -1. */
static void *work(void *given) {
  struct worker *worker = given;
  const word *call = worker->program;
  while (call[0] != -1) {
    if (call[0] == 0) meet(worker->team);
    else ((kernel *)call[0])(call + 4, call[2], call[3], worker->scratch);
    call += 4 + call[1];
  }
  return NULL;
}

/* Works through a program per thread. @param programs, scratches of each thread @return 0, or the error of the system */
int run_programs(const word *const *programs, float *const *scratches, word threads) {
  struct team team = {.threads = threads};
  struct worker workers[threads];
  pthread_t others[threads];
  for (word i = 0; i < threads; i++) workers[i] = (struct worker){programs[i], scratches[i], &team};
  for (word i = 1; i < threads; i++) {
    int error = pthread_create(&others[i], NULL, work, &workers[i]);
    if (error == 0) continue;
    /* Nobody could meet the missing one. */
    if (i == 1) return error;
    return error;
  }
  work(&workers[0]);
  for (word i = 1; i < threads; i++) pthread_join(others[i], NULL);
  return 0;
}

/* Floats of scratch memory that a thread needs. */
const word scratch_length = PANEL_DEPTH * (PANEL_COLUMNS + PACKED_TILES * TILE_ROWS);

/* In the order of the names in kernel_library.ts. */
kernel *const kernel_table[] = {matrix_products, copy_elements, fill_elements, gather_rows, reduce_middle};
