#include <string.h>

#include "CVectorKernels.h"

#pragma STDC FP_CONTRACT OFF

// Winograd's F(4x4, 3x3): 36 products of small matrices in place of 144 multiplications for 16 results. A tile of 6x6
// elements of the source and the kernel are transformed, multiplied element by element (summed over channels: a matrix
// product for each of the 36), and transformed back. For AVX2 with FMA: wider sets have oneDNN's.

namespace {

constexpr int64_t elements = 36;

int64_t roundedUp(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// Floats from one of the 36 matrices to the next: no multiple of a page, so that they do not share cache sets.
int64_t matrixStride(int64_t rows, int64_t columns) { return rows * columns + 16; }

}  // namespace

int64_t apus_winograd_weight_count(int64_t channels, int64_t outputs) {
  return elements * channels * roundedUp(outputs, 16);
}

int64_t apus_winograd_scratch_count(int64_t channels, int64_t outputs) {
  return elements * (matrixStride(APUS_WINOGRAD_TILES, channels) + matrixStride(APUS_WINOGRAD_TILES, roundedUp(outputs, 16)));
}

void apus_winograd_weights(
    float *target, const float *weights, int64_t outputs, int64_t channels, int64_t paddedOutputs,
    int64_t paddedChannels) {
  static const double g[6][3] = {{1.0 / 4, 0, 0},           {-1.0 / 6, -1.0 / 6, -1.0 / 6}, {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                 {1.0 / 24, 1.0 / 12, 1.0 / 6}, {1.0 / 24, -1.0 / 12, 1.0 / 6}, {0, 0, 1}};
  const int64_t panels = roundedUp(paddedOutputs, 16) / 16;
  memset(target, 0, sizeof(float) * static_cast<size_t>(apus_winograd_weight_count(paddedChannels, paddedOutputs)));
  for (int64_t o = 0; o < outputs; o++) {
    for (int64_t c = 0; c < channels; c++) {
      const float *w = weights + (o * channels + c) * 9;
      double rows[6][3];
      for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 3; j++) rows[i][j] = g[i][0] * w[j] + g[i][1] * w[3 + j] + g[i][2] * w[6 + j];
      }
      for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 6; j++) {
          const double sum = rows[i][0] * g[j][0] + rows[i][1] * g[j][1] + rows[i][2] * g[j][2];
          // [element][outputs / 16][channel][16]
          target[(((i * 6 + j) * panels + o / 16) * paddedChannels + c) * 16 + o % 16] = static_cast<float>(sum);
        }
      }
    }
  }
}

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

namespace {

#include "Vectors.h"

#define LOAD8(from) (*reinterpret_cast<const Unaligned8 *>(from))
#define STORE8(value, to) (*reinterpret_cast<Unaligned8 *>(to) = (value))

/// B^T d for six vectors that lie `step` apart, to `to`, `toStep` apart.
INLINED void transformIn(const Vector8 *d, int step, Vector8 *to, int toStep) {
  const Vector8 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const Vector8 even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1;
  const Vector8 narrow = d4 - d2, wide = 2.0f * (d3 - d1);
  to[0] = 4.0f * d0 + (d4 - 5.0f * d2);
  to[toStep] = even + odd;
  to[2 * toStep] = even - odd;
  to[3 * toStep] = narrow + wide;
  to[4 * toStep] = narrow - wide;
  to[5 * toStep] = 4.0f * d1 + (d5 - 5.0f * d3);
}

/// A^T m for six vectors that lie `step` apart, to four.
INLINED void transformOut(const Vector8 *m, int step, Vector8 *to, int toStep) {
  const Vector8 a = m[step] + m[2 * step], b = m[step] - m[2 * step];
  const Vector8 c = m[3 * step] + m[4 * step], d = m[3 * step] - m[4 * step];
  to[0] = m[0] + a + c;
  to[toStep] = b + 2.0f * d;
  to[2 * toStep] = a + 4.0f * c;
  to[3 * toStep] = b + 8.0f * d + m[5 * step];
}

/// Where a tile lies.
struct Tile {
  int64_t sample, row, column;
};

INLINED Tile tileAt(const ApusWinograd *w, int64_t index) {
  const int64_t across = (w->targetWidth + 3) / 4, down = (w->targetHeight + 3) / 4;
  return {index / (across * down), index / across % down * 4, index % across * 4};
}

/// V[element][tile][channel] of `count` tiles.
void transformSource(const ApusWinograd *w, int64_t first, int64_t count, float *to, int64_t stride) {
  const ApusBlocks &blocks = w->sourceBlocks;
  for (int64_t t = 0; t < count; t++) {
    const Tile tile = tileAt(w, first + t);
    const int64_t row = tile.row - w->top, column = tile.column - w->left;
    const float *sample = w->source + tile.sample * blocks.sample;
    const bool inside = row >= 0 && column >= 0 && row + 6 <= w->height && column + 6 <= w->width;
    for (int64_t c = 0; c < w->channels; c += 8) {
      const float *from = sample + c / 8 * blocks.block;
      Vector8 d[36], half[36];
      if (inside) {
        const float *corner = from + row * blocks.row + column * blocks.pixel;
        for (int i = 0; i < 6; i++) {
          for (int j = 0; j < 6; j++) d[i * 6 + j] = LOAD8(corner + i * blocks.row + j * blocks.pixel);
        }
      } else {
        for (int i = 0; i < 6; i++) {
          for (int j = 0; j < 6; j++) {
            const int64_t y = row + i, x = column + j;
            const bool within = y >= 0 && x >= 0 && y < w->height && x < w->width;
            d[i * 6 + j] = within ? LOAD8(from + y * blocks.row + x * blocks.pixel) : Vector8{};
          }
        }
      }
      for (int j = 0; j < 6; j++) transformIn(d + j, 6, half + j, 6);
      for (int i = 0; i < 6; i++) transformIn(half + i * 6, 1, d + i * 6, 1);
      for (int e = 0; e < elements; e++) STORE8(d[e], to + e * stride + t * w->channels + c);
    }
  }
}

/// to[r][16] = Σ tiles[r][c] · panel[c][16] for `rows` tiles.
template <int rows>
INLINED void multiply(const float *tiles, const float *panel, int64_t channels, float *to, int64_t toStride) {
  Vector8 sums[rows][2] = {};
  for (int64_t c = 0; c < channels; c++) {
    const Vector8 low = LOAD8(panel + c * 16), high = LOAD8(panel + c * 16 + 8);
    for (int r = 0; r < rows; r++) {
      const float x = tiles[r * channels + c];
      const Vector8 all = {x, x, x, x, x, x, x, x};
      sums[r][0] = __builtin_elementwise_fma(all, low, sums[r][0]);
      sums[r][1] = __builtin_elementwise_fma(all, high, sums[r][1]);
    }
  }
  for (int r = 0; r < rows; r++) {
    STORE8(sums[r][0], to + r * toStride);
    STORE8(sums[r][1], to + r * toStride + 8);
  }
}

/// M[tile][output] = Σ V[tile][c] · U[c][output] of one of the 36, for panels of 16 outputs.
void multiplyAll(
    const float *tiles, int64_t count, const float *panels, int64_t panelCount, int64_t channels, float *to,
    int64_t toStride) {
  for (int64_t p = 0; p < panelCount; p++) {
    const float *panel = panels + p * channels * 16;
    // Blocks of up to six tiles, of nearly the same size.
    const int64_t blocks = (count + 5) / 6;
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t begin = count * b / blocks, rows = count * (b + 1) / blocks - begin;
      const float *x = tiles + begin * channels;
      float *y = to + begin * toStride + p * 16;
      switch (rows) {
        case 6: multiply<6>(x, panel, channels, y, toStride); break;
        case 5: multiply<5>(x, panel, channels, y, toStride); break;
        case 4: multiply<4>(x, panel, channels, y, toStride); break;
        case 3: multiply<3>(x, panel, channels, y, toStride); break;
        case 2: multiply<2>(x, panel, channels, y, toStride); break;
        default: multiply<1>(x, panel, channels, y, toStride); break;
      }
    }
  }
}

typedef uint32_t Bits8 __attribute__((vector_size(32)));

/// x = 1 / (1 + exp(-x)), as `exponential` of the transformer's loops computes it.
INLINED void sigmoid(Vector8 &x) {
  const Vector8 low = Vector8{} - 86.0f, high = Vector8{} + 86.0f;
  Vector8 e = -x;
  e = e < low ? low : e;
  e = e > high ? high : e;
  const Vector8 shifted = e * 1.44269504f + 12582912.0f;
  const Vector8 n = shifted - 12582912.0f;
  const Vector8 r = e - n * 0.693359375f + n * 2.12194440e-4f;
  Vector8 sum = r * 0.0013926250f + 0.0083632329f;
  sum = sum * r + 0.041666552f;
  sum = sum * r + 0.16666576f;
  sum = sum * r + 0.5f;
  sum = sum * (r * r) + r + 1.0f;
  const Bits8 power = (reinterpret_cast<const Bits8 &>(shifted) << 23) + 0x3f800000u;
  x = 1.0f / (sum * reinterpret_cast<const Vector8 &>(power) + 1.0f);
}

INLINED void clamp(Vector8 &x, float low, float high) {
  const Vector8 a = Vector8{} + low, b = Vector8{} + high;
  x = x < a ? a : x;
  x = x > b ? b : x;
}

/// The fused steps on 16 results of eight outputs; `offset` is where the first lies in the target.
INLINED void finish(const ApusWinograd *w, Vector8 *y, int64_t offset, int64_t rows, int64_t columns) {
  const Vector8 zero = {};
  for (int64_t s = 0; s < w->stepCount; s++) {
    const ApusFusedStep &step = w->steps[s];
    switch (step.kind) {
      case 0:
        for (int k = 0; k < 16; k++) y[k] = y[k] > zero ? y[k] : y[k] * step.a;
        break;
      case 1:
        for (int k = 0; k < 16; k++) clamp(y[k], step.a, step.b);
        break;
      case 2:
        for (int k = 0; k < 16; k++) {
          Vector8 part = y[k] * step.a;
          sigmoid(part);
          y[k] *= part;
        }
        break;
      case 3:
        for (int k = 0; k < 16; k++) {
          Vector8 part = y[k] + 3.0f;
          clamp(part, 0.0f, 6.0f);
          y[k] *= part * (1.0f / 6);
        }
        break;
      case 4:
        for (int64_t i = 0; i < rows; i++) {
          for (int64_t j = 0; j < columns; j++) {
            y[i * 4 + j] += LOAD8(step.tensor + offset + i * w->targetBlocks.row + j * w->targetBlocks.pixel);
          }
        }
        break;
      default:
        for (int k = 0; k < 16; k++) sigmoid(y[k]);
    }
  }
}

/// The results of `count` tiles for outputs `begin..<end`.
void transformResults(
    const ApusWinograd *w, int64_t first, int64_t count, int64_t begin, int64_t end, const float *from, int64_t stride,
    int64_t rowStride) {
  const ApusBlocks &blocks = w->targetBlocks;
  for (int64_t t = 0; t < count; t++) {
    const Tile tile = tileAt(w, first + t);
    const int64_t rows = w->targetHeight - tile.row < 4 ? w->targetHeight - tile.row : 4;
    const int64_t columns = w->targetWidth - tile.column < 4 ? w->targetWidth - tile.column : 4;
    for (int64_t o = begin; o < end; o += 8) {
      Vector8 m[36], half[24], y[16];
      for (int e = 0; e < elements; e++) m[e] = LOAD8(from + e * stride + t * rowStride + o - begin);
      for (int j = 0; j < 6; j++) transformOut(m + j, 6, half + j, 6);
      for (int i = 0; i < 4; i++) transformOut(half + i * 6, 1, y + i * 4, 1);
      if (w->bias) {
        const Vector8 bias = LOAD8(w->bias + o);
        for (int k = 0; k < 16; k++) y[k] += bias;
      }
      const int64_t offset =
          tile.sample * blocks.sample + o / 8 * blocks.block + tile.row * blocks.row + tile.column * blocks.pixel;
      finish(w, y, offset, rows, columns);
      if (o + 8 > w->realOutputs) {
        for (int k = 0; k < 16; k++) {
          for (int64_t lane = w->realOutputs > o ? w->realOutputs - o : 0; lane < 8; lane++) y[k][lane] = 0;
        }
      }
      for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
          STORE8(y[i * 4 + j], w->target + offset + i * blocks.row + j * blocks.pixel);
        }
      }
    }
  }
}

}  // namespace

void apus_winograd(
    const ApusWinograd *w, int64_t first, int64_t count, int64_t firstOutput, int64_t endOutput, float *scratch) {
  const int64_t panels = (endOutput - firstOutput + 15) / 16, allPanels = roundedUp(w->outputs, 16) / 16;
  const int64_t sourceStride = matrixStride(count, w->channels), resultStride = matrixStride(count, panels * 16);
  float *tiles = scratch, *products = scratch + elements * sourceStride;
  transformSource(w, first, count, tiles, sourceStride);
  for (int64_t e = 0; e < elements; e++) {
    const float *panel = w->weights + (e * allPanels + firstOutput / 16) * w->channels * 16;
    multiplyAll(
        tiles + e * sourceStride, count, panel, panels, w->channels, products + e * resultStride, panels * 16);
  }
  transformResults(w, first, count, firstOutput, endOutput, products, resultStride, panels * 16);
}

#pragma clang attribute pop
#else
void apus_winograd(const ApusWinograd *, int64_t, int64_t, int64_t, int64_t, float *) { __builtin_trap(); }
#endif
