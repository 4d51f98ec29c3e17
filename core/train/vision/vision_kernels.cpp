// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for AVX2 and FMA. No header with inline functions may be included here: the linker could
// use their AVX2 version in the whole program.
#include "core/train/vision/vision_kernels.h"

namespace deer {
namespace {

constexpr int kLanes = 8;
using Vector = float __attribute__((vector_size(32)));
using Integers = std::int32_t __attribute__((vector_size(32)));
using Unsigned = std::uint32_t __attribute__((vector_size(32)));
using Halves = std::uint16_t __attribute__((vector_size(16)));

Vector all(float value) { return Vector{value, value, value, value, value, value, value, value}; }

Vector load(const float* from) {
  Vector out;
  __builtin_memcpy(&out, from, sizeof out);
  return out;
}

Vector load(const std::uint16_t* from) {
  Halves halves;
  __builtin_memcpy(&halves, from, sizeof halves);
  const Unsigned bits = __builtin_convertvector(halves, Unsigned) << 16;
  Vector out;
  __builtin_memcpy(&out, &bits, sizeof out);
  return out;
}

void store(Vector value, float* to) { __builtin_memcpy(to, &value, sizeof value); }

// Rounds to nearest even.
void store(Vector value, std::uint16_t* to) {
  Unsigned bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Halves halves = __builtin_convertvector(bits, Halves);
  __builtin_memcpy(to, &halves, sizeof halves);
}

float widen(float value) { return value; }
float widen(std::uint16_t value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
  float out;
  __builtin_memcpy(&out, &bits, sizeof out);
  return out;
}

void narrow(float value, float& to) { to = value; }
void narrow(float value, std::uint16_t& to) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  to = static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

Vector smaller(Vector a, Vector b) { return a < b ? a : b; }
Vector larger(Vector a, Vector b) { return a > b ? a : b; }

float sum(Vector v) {
  float out = 0;
  for (int i = 0; i < kLanes; ++i) out += v[i];
  return out;
}

// e^x to about 1e-7 of it: 2^n by the exponent's bits, the rest by a polynomial (Cephes' expf).
Vector exp_of(Vector x) {
  x = smaller(larger(x, all(-87.0f)), all(88.0f));
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it leaves a rounded whole number
  const Vector shifted = x * 1.44269504f + kMagic;
  const Vector whole = shifted - kMagic;
  const Vector rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  Vector p = all(1.9875691500e-4f);
  p = p * rest + 1.3981999507e-3f;
  p = p * rest + 8.3334519073e-3f;
  p = p * rest + 4.1665795894e-2f;
  p = p * rest + 1.6666665459e-1f;
  p = p * rest + 5.0000001201e-1f;
  p = p * rest * rest + rest + 1.0f;
  const Integers exponent = (__builtin_convertvector(whole, Integers) + 127) << 23;
  Vector power;
  __builtin_memcpy(&power, &exponent, sizeof power);
  return p * power;
}

// A matrix read element by element: value(i, k) = data[i * row + k * column].
struct Left {
  const float* data;
  int row, column;
};

template <int ROWS, int VECTORS>
void product_tile(const Left& a, int i, const float* b, int width, int inner, int j, float* c) {
  Vector sums[ROWS][VECTORS] = {};
  const float* at = a.data + i * a.row;
  const float* right = b + j;
  for (int k = 0; k < inner; ++k, at += a.column, right += width) {
    Vector columns[VECTORS];
    for (int v = 0; v < VECTORS; ++v) columns[v] = load(right + v * kLanes);
    for (int r = 0; r < ROWS; ++r) {
      const Vector value = all(at[r * a.row]);
      for (int v = 0; v < VECTORS; ++v) sums[r][v] += value * columns[v];
    }
  }
  for (int r = 0; r < ROWS; ++r) {
    for (int v = 0; v < VECTORS; ++v) store(sums[r][v], c + (i + r) * width + j + v * kLanes);
  }
}

template <int VECTORS>
void product_columns(const Left& a, const float* b, int rows, int width, int inner, int j, float* c) {
  int i = 0;
  for (; i + 4 <= rows; i += 4) product_tile<4, VECTORS>(a, i, b, width, inner, j, c);
  for (; i < rows; ++i) product_tile<1, VECTORS>(a, i, b, width, inner, j, c);
}

// c = a b: a [rows, inner], b [inner, width], c [rows, width]; width is a multiple of 8.
void product(const Left& a, const float* b, int rows, int width, int inner, float* c) {
  int j = 0;
  for (; j + 3 * kLanes <= width; j += 3 * kLanes) product_columns<3>(a, b, rows, width, inner, j, c);
  if (width - j == 2 * kLanes) product_columns<2>(a, b, rows, width, inner, j, c);
  if (width - j == kLanes) product_columns<1>(a, b, rows, width, inner, j, c);
}

// [length, dim] out of rows of `stride`, times `scale`.
template <typename T>
void copy_head(const T* from, int stride, int length, int dim, float scale, float* to) {
  for (int i = 0; i < length; ++i) {
    for (int d = 0; d < dim; d += kLanes) store(load(from + i * stride + d) * scale, to + i * dim + d);
  }
}

template <typename T>
void put_head(const float* from, int stride, int length, int dim, float scale, T* to) {
  for (int i = 0; i < length; ++i) {
    for (int d = 0; d < dim; d += kLanes) store(load(from + i * dim + d) * scale, to + i * stride + d);
  }
}

// The same transposed, [dim, padded], zero-padded.
template <typename T>
void copy_head_turned(const T* from, int stride, int length, int padded, int dim, float* to) {
  for (int d = 0; d < dim; ++d) {
    for (int i = 0; i < length; ++i) to[d * padded + i] = widen(from[i * stride + d]);
    for (int i = length; i < padded; ++i) to[d * padded + i] = 0;
  }
}

void softmax_row(float* row, int length, int padded) {
  for (int i = length; i < padded; ++i) row[i] = -1e30f;
  Vector most = load(row);
  for (int i = kLanes; i < padded; i += kLanes) most = larger(most, load(row + i));
  float top = most[0];
  for (int i = 1; i < kLanes; ++i) top = top > most[i] ? top : most[i];
  Vector total = {};
  for (int i = 0; i < padded; i += kLanes) {
    const Vector e = exp_of(load(row + i) - top);
    total += e;
    store(e, row + i);
  }
  const float scale = 1 / sum(total);
  for (int i = 0; i < padded; i += kLanes) store(load(row + i) * scale, row + i);
}

float head_scale(int dim) { return 1 / __builtin_sqrtf(static_cast<float>(dim)); }

}  // namespace

bool cpu_has_vision_kernels() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

template <typename T>
void attention_forward(const T* qkv, const AttentionShape& shape, T* out, float* shares, float* scratch) {
  const int length = shape.length, padded = shape.padded(), dim = shape.dim, width = shape.width();
  const int stride = 3 * width;
  float* q = scratch;
  float* v = q + length * dim;
  float* o = v + length * dim;
  float* k_turned = o + length * dim;
  for (int head = 0; head < shape.heads; ++head) {
    const T* from = qkv + head * dim;
    float* p = shares + head * length * padded;
    copy_head(from, stride, length, dim, head_scale(dim), q);
    copy_head_turned(from + width, stride, length, padded, dim, k_turned);
    copy_head(from + 2 * width, stride, length, dim, 1, v);
    product({q, dim, 1}, k_turned, length, padded, dim, p);
    for (int i = 0; i < length; ++i) softmax_row(p + i * padded, length, padded);
    product({p, padded, 1}, v, length, dim, length, o);
    put_head(o, width, length, dim, 1, out + head * dim);
  }
}

template <typename T>
void attention_backward(const T* qkv, const float* shares, const T* out_gradient, const AttentionShape& shape,
                        T* qkv_gradient, float* scratch) {
  const int length = shape.length, padded = shape.padded(), dim = shape.dim, width = shape.width();
  const int stride = 3 * width;
  float* q = scratch;
  float* k = q + length * dim;
  float* o = k + length * dim;
  float* result = o + length * dim;
  float* v_turned = result + length * dim;
  float* s = v_turned + padded * dim;
  for (int head = 0; head < shape.heads; ++head) {
    const T* from = qkv + head * dim;
    T* to = qkv_gradient + head * dim;
    const float* p = shares + head * length * padded;
    copy_head(from, stride, length, dim, 1, q);
    copy_head(from + width, stride, length, dim, 1, k);
    copy_head_turned(from + 2 * width, stride, length, padded, dim, v_turned);
    copy_head(out_gradient + head * dim, width, length, dim, 1, o);

    product({p, 1, padded}, o, length, dim, length, result);
    put_head(result, stride, length, dim, 1, to + 2 * width);

    product({o, dim, 1}, v_turned, length, padded, dim, s);
    for (int i = 0; i < length; ++i) {
      float* row = s + i * padded;
      const float* share = p + i * padded;
      Vector mixed = {};
      for (int j = 0; j < padded; j += kLanes) mixed += load(row + j) * load(share + j);
      const float mean = sum(mixed);
      for (int j = 0; j < padded; j += kLanes) store(load(share + j) * (load(row + j) - mean), row + j);
    }
    product({s, padded, 1}, k, length, dim, length, result);
    put_head(result, stride, length, dim, head_scale(dim), to);
    product({s, 1, padded}, q, length, dim, length, result);
    put_head(result, stride, length, dim, head_scale(dim), to + width);
  }
}

namespace {

constexpr float kSteepness = 1.702f;

Vector quick_gelu(Vector x) { return x / (exp_of(x * -kSteepness) + 1.0f); }

Vector quick_gelu_slope(Vector x) {
  const Vector s = 1.0f / (exp_of(x * -kSteepness) + 1.0f);
  return s + x * kSteepness * s * (1.0f - s);
}

// out = f(a, b), element by element.
template <typename T, typename F>
void by_vectors(const T* a, const T* b, std::int64_t count, T* out, F&& f) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(f(load(a + i), load(b + i)), out + i);
  for (; i < count; ++i) narrow(f(all(widen(a[i])), all(widen(b[i])))[0], out[i]);
}

}  // namespace

template <typename T>
void quick_gelu_forward(const T* in, std::int64_t count, T* out) {
  by_vectors(in, in, count, out, [](Vector x, Vector) { return quick_gelu(x); });
}

template <typename T>
void quick_gelu_backward(const T* in, const T* out_gradient, std::int64_t count, T* in_gradient) {
  by_vectors(in, out_gradient, count, in_gradient, [](Vector x, Vector g) { return g * quick_gelu_slope(x); });
}

template void attention_forward(const float*, const AttentionShape&, float*, float*, float*);
template void attention_forward(const std::uint16_t*, const AttentionShape&, std::uint16_t*, float*, float*);
template void attention_backward(const float*, const float*, const float*, const AttentionShape&, float*, float*);
template void attention_backward(const std::uint16_t*, const float*, const std::uint16_t*, const AttentionShape&,
                                 std::uint16_t*, float*);
template void quick_gelu_forward(const float*, std::int64_t, float*);
template void quick_gelu_forward(const std::uint16_t*, std::int64_t, std::uint16_t*);
template void quick_gelu_backward(const float*, const float*, std::int64_t, float*);
template void quick_gelu_backward(const std::uint16_t*, const std::uint16_t*, std::int64_t, std::uint16_t*);

}  // namespace deer
