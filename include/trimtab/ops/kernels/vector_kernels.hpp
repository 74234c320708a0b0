// No #pragma once: avx2.hpp and avx512.hpp each include this text into their namespace, where `Vector` says what a vector is and
// TRIMTAB_VECTOR_TARGET for which instruction set to compile, since the target of a function can be no parameter of a template.
// On its own it is empty.
/// \file
/// The float kernels, written once over the vectors of an instruction set.

#ifdef TRIMTAB_VECTOR_TARGET

constexpr std::size_t width = Vector::width, gemm_strip = Vector::gemm_strip, gemm_panel = 2 * width;

/// M rows by V vectors. Rows are addressed as base + {0, 1, 2} * a_row: few running pointers instead of one a row.
/// Where the depth runs across memory, a step is a row of a and of b, too far apart for the hardware to foresee: they are fetched
/// 48 steps ahead.
template <std::size_t M, std::size_t V>
TRIMTAB_VECTOR_TARGET inline void gemm_tile(const GemmTask& t, const float* a, const float* b, float* c, std::size_t col) {
  constexpr std::size_t bases = (M + 2) / 3, line = 16;  // floats of a cache line
  const std::ptrdiff_t row = t.a_row, step = t.a_depth;
  const float* base[bases];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < bases; ++i) base[i] = a + static_cast<std::ptrdiff_t>(3 * i) * row;
  Vector::Type sum[M * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < M * V; ++i) sum[i] = Vector::zero();
  const std::size_t tail = t.cols - col - width * (V - 1);
  const Vector::Lanes last = Vector::first_lanes(tail);
  const bool ahead = t.a_depth != 1;
  for (std::size_t k = t.depth; k > 0; --k) {
    if (ahead) {
      _mm_prefetch(base[0] + 48 * step, _MM_HINT_T0);
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; v += line / width) _mm_prefetch(b + 48 * t.b_depth + width * v, _MM_HINT_T0);
    }
    Vector::Type right[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v)
      right[v] = v + 1 < V ? Vector::load(b + width * v) : Vector::load_up_to(b + width * v, last, tail);
    TRIMTAB_UNROLL
    for (std::size_t m = 0; m < M; ++m) {
      const Vector::Type left = Vector::all(base[m / 3][static_cast<std::ptrdiff_t>(m % 3) * row]);
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) sum[m * V + v] = Vector::fma(left, right[v], sum[m * V + v]);
    }
    TRIMTAB_UNROLL
    for (std::size_t i = 0; i < bases; ++i) base[i] += step;
    b += t.b_depth;
  }
  Vector::Type start[V];
  TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const float* from = t.start + col + width * v;
    start[v] = t.add || !t.start ? Vector::zero() : v + 1 < V ? Vector::load(from) : Vector::load_up_to(from, last, tail);
  }
  const bool clips = t.clip != no_clip;
  const Vector::Type lo = Vector::all(t.clip.lo), hi = Vector::all(t.clip.hi);
  TRIMTAB_UNROLL
  for (std::size_t m = 0; m < M; ++m) {
    float* to = c + static_cast<std::ptrdiff_t>(m) * t.c_row;
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v, to += width) {
      const bool whole = v + 1 < V;
      const Vector::Type from = !t.add ? start[v] : whole ? Vector::load(to) : Vector::load_up_to(to, last, tail);
      Vector::Type result = Vector::add(from, sum[m * V + v]);
      if (clips) result = Vector::clamp(result, lo, hi);
      if (whole)
        Vector::store(to, result);
      else
        Vector::store_up_to(to, last, tail, result);
    }
  }
}

/// M rows by all columns; their part of a stays in the first-level cache while the panels of b pass by.
template <std::size_t M>
TRIMTAB_VECTOR_TARGET inline void gemm_rows(const GemmTask& t, const float* a, float* c) {
  for (std::size_t col = 0; col < t.cols; col += gemm_panel) {
    const float* b = t.b + static_cast<std::ptrdiff_t>(col / gemm_panel) * t.b_panel;
    if (t.cols - col > width)
      gemm_tile<M, 2>(t, a, b, c + col, col);
    else
      gemm_tile<M, 1>(t, a, b, c + col, col);
  }
}

/// gemm_rows<1> to gemm_rows<gemm_strip>.
template <std::size_t... Less>
constexpr auto gemm_rows_table(std::index_sequence<Less...>) {
  return std::array{gemm_rows<Less + 1>...};
}

/// Strips of rows, as few as there can be and none more than a row higher than another.
TRIMTAB_VECTOR_TARGET inline void gemm(const GemmTask& t) {
  static constexpr auto rows_of = gemm_rows_table(std::make_index_sequence<gemm_strip>());
  const std::size_t strips = (t.rows + gemm_strip - 1) / gemm_strip;
  for (std::size_t s = 0; s < strips; ++s) {
    const std::size_t first = s * t.rows / strips, rows = (s + 1) * t.rows / strips - first;
    const auto m = static_cast<std::ptrdiff_t>(first);
    rows_of[rows - 1](t, t.a + m * t.a_row, t.c + m * t.c_row);
  }
}

/// Reads memory along the lines, one step of the depth after the other.
TRIMTAB_VECTOR_TARGET inline void pack_rows(const PackTask& t) {
  for (std::size_t k = 0; k < t.depth; ++k) {
    const float* from = t.from + static_cast<std::ptrdiff_t>(k) * t.depth_step;
    for (std::size_t line = 0; line < t.lines; line += gemm_panel) {
      const std::size_t count = t.lines - line;
      float* to = t.to + line * t.depth + k * gemm_panel;
      Vector::store(to, Vector::load_part(from + line, Vector::first_lanes(count)));
      Vector::store(to + width, Vector::load_part(from + line + width, Vector::first_lanes(count > width ? count - width : 0)));
    }
  }
}

/// One vector, or part of one when `whole` is false.
template <bool whole>
TRIMTAB_VECTOR_TARGET __attribute__((always_inline)) inline Vector::Type load(const float* from, Vector::Lanes lanes) {
  return whole ? Vector::load(from) : Vector::load_part(from, lanes);
}
template <bool whole>
TRIMTAB_VECTOR_TARGET __attribute__((always_inline)) inline void store(float* to, Vector::Lanes lanes, Vector::Type v) {
  if constexpr (whole)
    Vector::store(to, v);
  else
    Vector::store_part(to, lanes, v);
}

/// P pixels by V vectors of channels, the last of them in part when `whole` is false; the taps K by K, see taps_in_rows. The taps'
/// weights are loaded once for all P pixels, and what lies under a row of K taps once for all of them: P * V accumulators, K * V
/// weights, and P + 2 K - 1 loads for P K multiply-adds.
template <std::size_t P, std::size_t V, std::size_t K, bool whole>
TRIMTAB_VECTOR_TARGET inline void depthwise_block(const DepthwiseTask& t, std::ptrdiff_t pixel, std::size_t channel,
                                                  Vector::Lanes lanes) {
  Vector::Type sum[P * V];
  const auto c = static_cast<std::ptrdiff_t>(channel);
  float* y = t.y + pixel * t.y_step + c;
  TRIMTAB_UNROLL
  for (std::size_t p = 0; p < P; ++p) TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v) {
    const float* start = t.add ? y + static_cast<std::ptrdiff_t>(p) * t.y_step : t.start ? t.start + c : nullptr;
    sum[p * V + v] = start == nullptr ? Vector::zero() : load<whole>(start + width * v, lanes);
  }
  for (std::size_t tap = 0; tap < t.taps; tap += K) {
    const float* x = t.x[tap] + pixel * t.x_step + c;
    Vector::Type weight[K * V];
    TRIMTAB_UNROLL
    for (std::size_t k = 0; k < K; ++k) {
      const float* w = t.w[tap + k] + c;
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) weight[k * V + v] = load<whole>(w + width * v, lanes);
    }
    TRIMTAB_UNROLL
    for (std::size_t column = 0; column < P + K - 1; ++column, x += t.x_step) {
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v) {
        const Vector::Type under = load<whole>(x + width * v, lanes);
        TRIMTAB_UNROLL
        for (std::size_t k = 0; k < K; ++k)
          if (column >= k && column - k < P)
            sum[(column - k) * V + v] = Vector::fma(weight[k * V + v], under, sum[(column - k) * V + v]);
      }
    }
  }
  const bool clips = t.clip != no_clip;
  const Vector::Type lo = Vector::all(t.clip.lo), hi = Vector::all(t.clip.hi);
  TRIMTAB_UNROLL
  for (std::size_t p = 0; p < P; ++p, y += t.y_step) TRIMTAB_UNROLL
  for (std::size_t v = 0; v < V; ++v)
    store<whole>(y + width * v, lanes, clips ? Vector::clamp(sum[p * V + v], lo, hi) : sum[p * V + v]);
}

/// Whether the taps come K by K, each of the K a pixel behind the one before: the kernel's rows, at stride 1.
inline bool taps_in_rows(const DepthwiseTask& t, std::size_t K) {
  bool in_rows = t.taps % K == 0;
  for (std::size_t tap = 0; tap < t.taps && in_rows; ++tap) in_rows = tap % K == 0 || t.x[tap] == t.x[tap - 1] + t.x_step;
  return in_rows;
}

template <std::size_t P, std::size_t K>
TRIMTAB_VECTOR_TARGET inline void depthwise_pixels(const DepthwiseTask& t, std::size_t pixel) {
  constexpr std::size_t V = Vector::depthwise_vectors(K);
  const auto at = static_cast<std::ptrdiff_t>(pixel);
  std::size_t c = 0;
  for (; c + V * width <= t.channels; c += V * width) depthwise_block<P, V, K, true>(t, at, c, Vector::first_lanes(width));
  for (; c + width <= t.channels; c += width) depthwise_block<P, 1, K, true>(t, at, c, Vector::first_lanes(width));
  if (c < t.channels) depthwise_block<P, 1, K, false>(t, at, c, Vector::first_lanes(t.channels - c));
}

template <std::size_t K>
TRIMTAB_VECTOR_TARGET inline void depthwise_row(const DepthwiseTask& t) {
  std::size_t p = 0;
  for (; p + 4 <= t.pixels; p += 4) depthwise_pixels<4, K>(t, p);
  for (; p < t.pixels; ++p) depthwise_pixels<1, K>(t, p);
}

TRIMTAB_VECTOR_TARGET inline void depthwise(const DepthwiseTask& t) {
  if (t.pixels >= 4 && taps_in_rows(t, 3))
    depthwise_row<3>(t);
  else if (t.pixels >= 4 && taps_in_rows(t, 5))
    depthwise_row<5>(t);
  else
    depthwise_row<1>(t);
}

/// N taps by V vectors of channels, summed over the pixels in registers.
template <std::size_t N, std::size_t V, bool whole>
TRIMTAB_VECTOR_TARGET inline void depthwise_weight_block(const DepthwiseWeightTask& t, std::size_t tap, std::size_t channel,
                                                         Vector::Lanes lanes) {
  Vector::Type sum[N * V];
  TRIMTAB_UNROLL
  for (std::size_t i = 0; i < N * V; ++i) sum[i] = Vector::zero();
  const auto c = static_cast<std::ptrdiff_t>(channel), first = static_cast<std::ptrdiff_t>(tap);
  const float* grad = t.grad + c;
  const float* x = t.x + c + first * t.tap_step;
  for (std::size_t p = 0; p < t.pixels; ++p, grad += t.grad_step, x += t.x_step) {
    Vector::Type g[V];
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v) g[v] = load<whole>(grad + width * v, lanes);
    TRIMTAB_UNROLL
    for (std::size_t n = 0; n < N; ++n) {
      const float* from = x + static_cast<std::ptrdiff_t>(n) * t.tap_step;
      TRIMTAB_UNROLL
      for (std::size_t v = 0; v < V; ++v)
        sum[n * V + v] = Vector::fma(g[v], load<whole>(from + width * v, lanes), sum[n * V + v]);
    }
  }
  TRIMTAB_UNROLL
  for (std::size_t n = 0; n < N; ++n) {
    float* to = t.to + c + (first + static_cast<std::ptrdiff_t>(n)) * t.to_step;
    TRIMTAB_UNROLL
    for (std::size_t v = 0; v < V; ++v)
      store<whole>(to + width * v, lanes, Vector::add(load<whole>(to + width * v, lanes), sum[n * V + v]));
  }
}

template <std::size_t N>
TRIMTAB_VECTOR_TARGET inline void depthwise_weight_taps(const DepthwiseWeightTask& t, std::size_t tap) {
  constexpr std::size_t V = Vector::depthwise_weight_vectors(N);
  std::size_t c = 0;
  for (; c + width * V <= t.channels; c += width * V) depthwise_weight_block<N, V, true>(t, tap, c, Vector::first_lanes(width));
  for (; c + width <= t.channels; c += width) depthwise_weight_block<N, 1, true>(t, tap, c, Vector::first_lanes(width));
  if (c < t.channels) depthwise_weight_block<N, 1, false>(t, tap, c, Vector::first_lanes(t.channels - c));
}

TRIMTAB_VECTOR_TARGET inline void depthwise_weight(const DepthwiseWeightTask& t) {
  std::size_t tap = 0;
  if (t.taps == 5) {
    depthwise_weight_taps<5>(t, 0);
    return;
  }
  for (; tap + 3 <= t.taps; tap += 3) depthwise_weight_taps<3>(t, tap);
  for (; tap < t.taps; ++tap) depthwise_weight_taps<1>(t, tap);
}

#endif  // TRIMTAB_VECTOR_TARGET
