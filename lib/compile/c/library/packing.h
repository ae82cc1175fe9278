/* Copies of parts of matrices that stay in the cache, in the order in which products read them. */
#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4)));

enum { TILE_COLUMNS = 2 * LANES, PANEL_DEPTH = 288, PANEL_COLUMNS = 768, GROUP_ROWS = 8 * TILE_ROWS, PACK_AHEAD = 4 };

/* a b + c of each lane, rounded once where the machine can, in whichever loop it is. */
static inline vector multiply_add_vectors(vector a, vector b, vector c) {
#if defined(__AVX512F__)
  return (vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

static word smaller(word a, word b) { return a < b ? a : b; }

static word parts_of(word whole, word part) { return (whole + part - 1) / part; }

/* The first numbers of a vector, zeros after them. */
static inline vector load_some(const float *from, word count) {
#if defined(__AVX512F__)
  return (vector)_mm512_maskz_loadu_ps((__mmask16)((1u << (count < 0 ? 0 : smaller(count, LANES))) - 1), from);
#else
  vector some = {0};
  if (count > 0) memcpy(&some, from, smaller(count, LANES) * sizeof *from);
  return some;
#endif
}

static inline void store_some(float *to, vector some, word count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << (count < 0 ? 0 : smaller(count, LANES))) - 1), (__m512)some);
#else
  if (count > 0) memcpy(to, &some, smaller(count, LANES) * sizeof *to);
#endif
}

/* Lane `i` of each of two rows that are `step` apart, once blocks of `step` lanes have been swapped between them. */
#define UPPER(i, step) ((i) & (step) ? LANES + (i) - (step) : (i))
#define LOWER(i, step) ((i) & (step) ? LANES + (i) : (i) + (step))

#define FOUR(lane, i, step) lane(i, step), lane(i + 1, step), lane(i + 2, step), lane(i + 3, step)
#if LANES == 4
#define ALL_LANES(lane, step) FOUR(lane, 0, step)
#elif LANES == 8
#define ALL_LANES(lane, step) FOUR(lane, 0, step), FOUR(lane, 4, step)
#else
#define ALL_LANES(lane, step) FOUR(lane, 0, step), FOUR(lane, 4, step), FOUR(lane, 8, step), FOUR(lane, 12, step)
#endif

/* Lanes of two vectors by their numbers, which are constants. */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t lanes __attribute__((vector_size(4 * LANES)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (lanes){__VA_ARGS__})
#endif

/* Swaps blocks of `step` lanes between rows that are `step` apart. */
#define SWAP_BLOCKS(step)                                                                          \
  for (int i = 0; i < LANES; i++) {                                                                \
    if (i & step) continue;                                                                        \
    vector a = row[i], b = row[i + step];                                                          \
    row[i] = SHUFFLE(a, b, ALL_LANES(UPPER, step));                                                \
    row[i + step] = SHUFFLE(a, b, ALL_LANES(LOWER, step));                                         \
  }

/* A square of LANES columns, mirrored; of its rows there may be fewer, zeros stand for the others. */
static void transpose_square(const float *from, word from_row, word rows, float *to, word to_row) {
  vector row[LANES];
  if (rows >= LANES) {
    for (int i = 0; i < LANES; i++) row[i] = *(const vector *)(from + i * from_row);
  } else {
    for (int i = 0; i < LANES; i++) row[i] = i < rows ? *(const vector *)(from + i * from_row) : (vector){0};
  }
  SWAP_BLOCKS(1)
  SWAP_BLOCKS(2)
#if LANES > 4
  SWAP_BLOCKS(4)
#endif
#if LANES > 8
  SWAP_BLOCKS(8)
#endif
  for (int i = 0; i < LANES; i++) *(vector *)(to + i * to_row) = row[i];
}

/* From one packed tile of columns to the next; not a power of two, or all of them would share a set of the cache. */
static word panel_step(word depth) { return (depth + 1) * TILE_COLUMNS; }

/* Columns of B side by side, [depth, TILE_COLUMNS] for each tile, with zeros after the last one. */
static void pack_columns(const float *b, word row, word column, word depth, word columns, float *packed) {
  word step = panel_step(depth);
  if (column == 1) {
    word whole = columns / TILE_COLUMNS, rest = columns % TILE_COLUMNS;
    for (word k = 0; k < depth; k++) {
      const float *from = b + k * row;
      float *to = packed + k * TILE_COLUMNS;
      for (word ahead = 0; ahead < columns; ahead += LANES) __builtin_prefetch(from + PACK_AHEAD * row + ahead);
      for (word tile = 0; tile < whole; tile++, from += TILE_COLUMNS, to += step) {
        memcpy(to, from, TILE_COLUMNS * sizeof *to);
      }
      for (word j = 0; rest > 0 && j < TILE_COLUMNS; j += LANES) *(vector *)(to + j) = load_some(from + j, rest - j);
    }
    return;
  }
  for (word first = 0; first < columns; first += TILE_COLUMNS, packed += step) {
    word squares = row == 1 ? depth / LANES * LANES : 0;
    for (word j = 0; j < TILE_COLUMNS; j += LANES) {
      const float *from = b + (first + j) * column;
      word count = smaller(LANES, columns - first - j);
      for (word k = 0; k < squares; k += LANES) {
        transpose_square(from + k, column, count, packed + k * TILE_COLUMNS + j, TILE_COLUMNS);
      }
      for (word k = squares; k < depth; k++) {
        for (word lane = 0; lane < LANES; lane++) {
          packed[k * TILE_COLUMNS + j + lane] = lane < count ? from[k * row + lane * column] : 0;
        }
      }
    }
  }
}

/* Rows of A, PANEL_DEPTH apart. */
static void pack_rows(const float *a, word row, word column, word depth, word rows, float *packed) {
  if (column == 1) {
    for (word i = 0; i < rows; i++) {
      /* Whole vectors: there is room behind the last one in either place. */
      for (word k = 0; k < depth; k += LANES) *(vector *)(packed + i * PANEL_DEPTH + k) = *(const vector *)(a + i * row + k);
    }
    return;
  }
  word squares = row == 1 ? depth / LANES * LANES : 0, whole = squares > 0 ? rows / LANES * LANES : 0;
  for (word k = 0; k < squares; k += LANES) {
    for (word i = 0; i < whole; i += LANES) {
      transpose_square(a + i + k * column, column, LANES, packed + i * PANEL_DEPTH + k, PANEL_DEPTH);
    }
  }
  for (word i = 0; i < rows; i++) {
    for (word k = i < whole ? squares : 0; k < depth; k++) packed[i * PANEL_DEPTH + k] = a[i * row + k * column];
  }
}
