/* What all kernels share: the machine's vectors, and elementary functions that compilers can vectorise. */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Floats in a vector register, and rows of the tile that a matrix product keeps in registers. */
#if defined(__AVX512F__)
#define LANES 16
#define TILE_ROWS 14
#elif defined(__AVX__)
#define LANES 8
#define TILE_ROWS 6
#else
#define LANES 4
#define TILE_ROWS 8
#endif

#if defined(__GNUC__) && !defined(__clang__)
/* Or loops over the last lanes of a row, some of which are outside of it, are split into elements. */
#pragma GCC optimize("no-split-loops")
#if defined(__AVX512F__)
/* GCC halves the vectors of some processors to spare their clock, which the products here need anyway. */
#pragma GCC target("prefer-vector-width=512")
#endif
#endif

/* Arguments of a kernel: numbers and addresses. */
typedef int64_t word;

/* Works on rows (or matrices) `begin` to `end`; `scratch` is memory for this thread alone. */
typedef void kernel(const word *a, word begin, word end, float *scratch);

static inline float bits_to_float(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* e^x, relative error below 2e-7; 0 where it is below 2^-125. Comparisons are written so that they vectorise. */
static inline float exp_of(float x) {
  float within = x < -86.6f ? -86.6f : x;
  within = within > 88.72f ? 88.72f : within;
  float n = rintf(within * 1.44269504f);
  float r = fmaf(n, -0.693145752f, within);
  r = fmaf(n, -1.42860677e-6f, r);
  float p = 0.00139464484f;
  p = fmaf(p, r, 0.00836915337f);
  p = fmaf(p, r, 0.0416662619f);
  p = fmaf(p, r, 0.166665167f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p * r, r, r) + 1.0f;
  /* In two steps: 2^128 is no float, but e^88.7 is. */
  float result = p * bits_to_float(((int32_t)n + 126) * (1 << 23)) * 2.0f;
  result = x < -86.6f ? 0.0f : result;
  result = x > 88.72f ? INFINITY : result;
  return x != x ? x : result;
}

/* The error function, absolute error below 1e-7 and relative error below 2e-7: a polynomial near 0, 1 - e^p elsewhere. */
static inline float erf_of(float x) {
  float t = fabsf(x), s = x * x;
  t = t > 3.95f ? 3.95f : t;
  float near = 8.31153447e-5f;
  near = fmaf(near, s, -0.000812863873f);
  near = fmaf(near, s, 0.00519977137f);
  near = fmaf(near, s, -0.0268588793f);
  near = fmaf(near, s, 0.11283686f);
  near = fmaf(near, s, -0.376126319f);
  near = fmaf(near, s, 0.128379226f);
  near = fmaf(near, x, x);
  float p = -2.12789165e-5f;
  p = fmaf(p, t, 0.000436576694f);
  p = fmaf(p, t, -0.00418124907f);
  p = fmaf(p, t, 0.0251460988f);
  p = fmaf(p, t, -0.1083211f);
  p = fmaf(p, t, -0.63330984f);
  p = fmaf(p, t, -1.12953317f);
  p = fmaf(p, t, 0.000178454677f);
  float far = 1.0f - exp_of(p);
  far = x < 0.0f ? -far : far;
  return t < 0.93f ? near : far;
}
