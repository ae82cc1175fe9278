/* Matrix products of any steps: tiles whose sums stay in registers, from packed copies. */

/* Rows of memory, `step` apart. */
struct rows {
  const float *row;
  word step, rows, columns;
};

/* The depth that is multiplied at a time, what becomes of the sums, and rows to fetch meanwhile, `pace` floats a turn. */
struct tile {
  word depth, c_row, columns;
  const float *a, *b, *bias;
  float *c, scale;
  int first, last;
  struct rows ahead;
  word pace;
};

/* Has the tile number `turn` of `turns` fetch its part of rows that will be needed when all are done. */
static inline void fetch_part(struct tile *t, const struct rows needed[2], word turn, word turns) {
  word rows = needed[0].rows + needed[1].rows, begin = rows * turn / turns, count = rows * (turn + 1) / turns - begin;
  t->ahead = begin < needed[0].rows ? needed[0] : needed[1];
  if (begin >= needed[0].rows) begin -= needed[0].rows;
  t->ahead.row += begin * t->ahead.step;
  t->pace = smaller(LANES, parts_of(count * t->ahead.columns, t->depth));
}

/* Steps of depth that a panel, which is in the second-level cache, is brought into the first one ahead of its use. */
enum { NEAR = 8 };

/* Before a loop of constant length. */
#if defined(__clang__)
#define UNROLL(most) _Pragma("clang loop unroll(full)")
#else
#define UNROLL(most) GCC_PRAGMA(GCC unroll most)
#define GCC_PRAGMA(text) _Pragma(#text)
#endif

/* C[rows, vectors] from rows of A and a packed panel of B. */
#define DEFINE_TILE(ROWS, VECTORS)                                                                 \
  static void tile_##ROWS##_##VECTORS(const struct tile *given) {                                  \
    const struct tile t = *given;                                                                  \
    vector sum[ROWS][VECTORS];                                                                     \
    const float *a = t.a, *b = t.b;                                                                \
    UNROLL(16) for (int i = 0; i < ROWS; i++) {                                                    \
      UNROLL(2) for (int j = 0; j < VECTORS; j++) {                                                \
        __builtin_prefetch(t.c + i * t.c_row + j * LANES, 1);                                      \
        sum[i][j] = (vector){0};                                                                   \
      }                                                                                            \
    }                                                                                              \
    const float *ahead = t.ahead.row;                                                              \
    for (word k = t.depth, at = 0; k > 0; k--) {                                                   \
      __builtin_prefetch(ahead + at);                                                              \
      at += t.pace;                                                                                \
      word over = -(word)(at >= t.ahead.columns);                                                  \
      ahead += t.ahead.step & over;                                                                \
      at &= ~over;                                                                                 \
      vector right[VECTORS];                                                                       \
      __builtin_prefetch(b + NEAR * TILE_COLUMNS);                                                 \
      __builtin_prefetch(b + NEAR * TILE_COLUMNS + LANES);                                         \
      UNROLL(2) for (int j = 0; j < VECTORS; j++) right[j] = *(const vector *)(b + j * LANES);     \
      b += TILE_COLUMNS;                                                                           \
      UNROLL(16) for (int i = 0; i < ROWS; i++) {                                                  \
        vector left = a[i * PANEL_DEPTH] - (vector){0};                                            \
        UNROLL(2) for (int j = 0; j < VECTORS; j++) sum[i][j] = multiply_add_vectors(left, right[j], sum[i][j]);\
      }                                                                                            \
      a++;                                                                                         \
    }                                                                                              \
    vector scale = (t.last ? t.scale : 1.0f) - (vector){0};                                        \
    UNROLL(2) for (int j = 0; j < VECTORS; j++) {                                                  \
      word count = t.columns - j * LANES;                                                          \
      vector bias = t.last && t.bias ? load_some(t.bias + j * LANES, count) : (vector){0};         \
      UNROLL(16) for (int i = 0; i < ROWS; i++) {                                                  \
        float *c = t.c + i * t.c_row + j * LANES;                                                  \
        if (count >= LANES) {                                                                      \
          vector total = t.first ? sum[i][j] : *(vector *)c + sum[i][j];                           \
          *(vector *)c = multiply_add_vectors(total, scale, bias);                                 \
        } else {                                                                                   \
          vector total = t.first ? sum[i][j] : load_some(c, count) + sum[i][j];                    \
          store_some(c, multiply_add_vectors(total, scale, bias), count);                          \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }

#define DEFINE_TILES(ROWS) DEFINE_TILE(ROWS, 1) DEFINE_TILE(ROWS, 2)

#if TILE_ROWS == 14
DEFINE_TILES(14)
DEFINE_TILES(8)
#elif TILE_ROWS == 6
DEFINE_TILES(6)
#else
DEFINE_TILES(8)
#endif
DEFINE_TILES(4)
DEFINE_TILES(2)
DEFINE_TILES(1)

/* Multiplies a tile of one vector's width or less, and of more. */
struct tile_size {
  word rows;
  void (*narrow)(const struct tile *), (*wide)(const struct tile *);
};

/* The tallest first. */
static const struct tile_size tile_sizes[] = {
#if TILE_ROWS == 14
    {14, tile_14_1, tile_14_2}, {8, tile_8_1, tile_8_2},
#elif TILE_ROWS == 6
    {6, tile_6_1, tile_6_2},
#else
    {8, tile_8_1, tile_8_2},
#endif
    {4, tile_4_1, tile_4_2}, {2, tile_2_1, tile_2_2}, {1, tile_1_1, tile_1_2},
};

static struct tile_size tile_size_for(word rows) {
  const struct tile_size *size = tile_sizes;
  while (size->rows > rows) size++;
  return *size;
}

/* One product of a batch. */
struct product {
  word n, k, a_row, a_column, b_row, b_column, c_row;
  const float *a, *b, *bias;
  float *c, scale;
};

/* A matrix as rows of memory. */
static struct rows rows_of(const float *matrix, word rows, word columns, word row, word column) {
  if (column == 1) return (struct rows){matrix, row, rows, columns};
  return (struct rows){matrix, column, columns, rows};
}

/* A part of the depth and of the columns of B, which is packed as a whole. */
struct panel {
  word k, depth, first, columns;
};

/* The panel that begins there; of no depth behind the last one. */
static struct panel panel_at(const struct product *p, word k, word first) {
  word full = parts_of(parts_of(p->k, parts_of(p->k, PANEL_DEPTH)), LANES) * LANES;
  return (struct panel){k, smaller(full, p->k - k), first, smaller(PANEL_COLUMNS, p->n - first)};
}

static struct panel panel_after(const struct product *p, struct panel panel) {
  word first = panel.first + panel.columns;
  return first < p->n ? panel_at(p, panel.k, first) : panel_at(p, panel.k + panel.depth, 0);
}

/* Where the rows of A from `row` on begin that a panel is multiplied with. */
static const float *a_of(const struct product *p, struct panel panel, word row) {
  return p->a + row * p->a_row + panel.k * p->a_column;
}

static const float *b_of(const struct product *p, struct panel panel) {
  return p->b + panel.k * p->b_row + panel.first * p->b_column;
}

static struct rows rows_of_a(const struct product *p, struct panel panel, word begin, word end) {
  return rows_of(a_of(p, panel, begin), end - begin, panel.depth, p->a_row, p->a_column);
}

static struct rows rows_of_b(const struct product *p, struct panel panel) {
  return rows_of(b_of(p, panel), panel.depth, panel.columns, p->b_row, p->b_column);
}

/* Of some rows the part number `turn` of `turns`. */
static struct rows part_of_rows(struct rows rows, word turn, word turns) {
  word begin = rows.rows * turn / turns, end = rows.rows * (turn + 1) / turns;
  return (struct rows){rows.row + begin * rows.step, rows.step, end - begin, rows.columns};
}

/*
 * Rows `begin` to `end` of C = scale A B + bias. What is needed soon is fetched meanwhile: `next` if given, else the rows
 * of A that are packed next and a part of the next panel.
 */
static void multiply(const struct product *p, word begin, word end, const struct rows *next, float *scratch) {
  float *packed_b = scratch, *packed_a = scratch + PANEL_COLUMNS * (PANEL_DEPTH + 1);
  const word group_rows = p->a_column == 1 ? TILE_ROWS : GROUP_ROWS, groups = parts_of(end - begin, group_rows);
  for (struct panel panel = panel_at(p, 0, 0), after; panel.depth > 0; panel = after) {
    after = panel_after(p, panel);
    word tiles = parts_of(panel.columns, TILE_COLUMNS);
    pack_columns(b_of(p, panel), p->b_row, p->b_column, panel.depth, panel.columns, packed_b);
    for (word group = 0; group < groups; group++) {
      word first = begin + group * group_rows, last = smaller(end, first + group_rows);
      pack_rows(a_of(p, panel, first), p->a_row, p->a_column, panel.depth, last - first, packed_a);
      struct rows needed[2] = {{0}};
      if (!next) {
        if (last < end) needed[0] = rows_of_a(p, panel, last, smaller(end, last + group_rows));
        else if (after.depth > 0) needed[0] = rows_of_a(p, after, begin, smaller(end, begin + group_rows));
        if (after.depth > 0) needed[1] = part_of_rows(rows_of_b(p, after), group, groups);
      }
      word turn = next ? parts_of(first - begin, TILE_ROWS) * tiles : 0;
      word turns = parts_of(next ? end - begin : last - first, TILE_ROWS) * tiles;
      for (word i = first; i < last;) {
        struct tile_size size = tile_size_for(last - i);
        struct tile t = {.depth = panel.depth, .a = packed_a + (i - first) * PANEL_DEPTH, .b = packed_b,
            .c_row = p->c_row, .scale = p->scale, .first = panel.k == 0, .last = panel.k + panel.depth == p->k};
        for (word tile = 0; tile < tiles; tile++, t.b += panel_step(panel.depth)) {
          word j = panel.first + tile * TILE_COLUMNS;
          fetch_part(&t, next ? next : needed, turn + (i - first) / TILE_ROWS * tiles + tile, turns);
          t.columns = smaller(TILE_COLUMNS, panel.first + panel.columns - j);
          t.c = p->c + i * p->c_row + j;
          t.bias = p->bias ? p->bias + j : NULL;
          (t.columns > LANES ? size.wide : size.narrow)(&t);
        }
        i += size.rows;
      }
    }
  }
}

/* The functions that plans call take a struct of interface.h; what they do is in lib/compile/c/library.ts. */
void matrix_products(const word *a, word begin, word end, float *scratch) {
  const struct matrix_products *given = (const void *)a;
  struct product p = {.n = given->n, .k = given->k, .a = given->a, .a_row = given->a_row, .a_column = given->a_column,
      .b = given->b, .b_row = given->b_row, .b_column = given->b_column, .c = given->c, .c_row = given->c_row,
      .bias = given->bias, .scale = bits_to_float((int32_t)given->scale)};
  const word m = given->m, *length = given->lengths;
  const word *a_step = given->a_steps, *b_step = given->b_steps, *c_step = given->c_steps;
  if (length[0] * length[1] * length[2] == 1) {
    multiply(&p, begin, end, NULL, scratch);
    return;
  }
  struct product next = p;
  for (word index = begin; index <= end; index++) {
    struct product one = next;
    word z = index % length[2], y = index / length[2] % length[1], x = index / length[2] / length[1];
    next.a = p.a + x * a_step[0] + y * a_step[1] + z * a_step[2];
    next.b = p.b + x * b_step[0] + y * b_step[1] + z * b_step[2];
    next.c = p.c + x * c_step[0] + y * c_step[1] + z * c_step[2];
    if (index == begin) continue;
    struct rows ahead[2] = {{0}};
    if (index < end) {
      ahead[0] = rows_of(next.a, m, p.k, p.a_row, p.a_column);
      ahead[1] = rows_of(next.b, p.k, p.n, p.b_row, p.b_column);
    }
    multiply(&one, 0, m, ahead, scratch);
  }
}

/* Floats of scratch memory that a thread needs. */
const word scratch_length = (PANEL_DEPTH + 1) * PANEL_COLUMNS + PANEL_DEPTH * GROUP_ROWS;
