#pragma once
/// \file
/// How a convolution is cut into pieces for the kernels: where a piece reads its activations, and which thread computes it.

#include <cstring>
#include <trimtab/core/parallel.hpp>
#include <trimtab/int8/kernel_table.hpp>
#include <trimtab/int8/layer_io.hpp>
#include <trimtab/int8/packed_conv2d.hpp>

namespace trimtab::int8::detail {

/// One convolution. A kernel wants rows of activations at a constant distance, each row a few runs of bytes (the segments of
/// PackedConv2d), and gets them in one of three ways:
///   in place  1 x 1, stride 1, u8: the pixels of x themselves;
///   band      some output rows' input rows are copied with their padding; a window's rows are runs of bytes in the copy, and
///             neighbouring windows overlap in it, so nothing is copied KH * KW times. All groups read one copy, each tap of a
///             window being a run;
///   gathered  without groups dilated columns, and small pictures, of whose rows kernels could not take 4 pixels at a time; 1 x 1
///             of signed codes, or of groups that are no whole steps: each output pixel's window is copied out.
class Conv2dRun {
 public:
  Conv2dRun(const Codes& x, const PackedConv2d& w, const WindowGeometry& g, const LayerOutput& y)
      : x_(x), w_(w), g_(g), y_(y), width_(w.blocks() * block_channels), pixels_(g.n * g.out_h * g.out_w) {
    const WindowOptions& o = g.options;
    const bool pointwise = g.kernel_h == 1 && g.kernel_w == 1 && o.stride_h == 1 && o.stride_w == 1 && o.padding == Padding{};
    const std::size_t gathered_row = w.segments() * w.steps() * 4;
    if (pointwise && !x.is_signed && w.group_in() % 4 == 0) {
      source_ = Source::in_place;
      piece_ = even_pixels(128);
      row_ = g.c;
    } else if (const bool small = g.out_w < 16 && g.out_w % 4 != 0;
               pointwise || (w.groups() == 1 && (o.dilation_w > 1 || small))) {
      source_ = Source::gathered;
      // Where windows are large, reading all weights for each piece costs more than activations from the second cache.
      const std::size_t share = pointwise ? L1_share : L2_share;
      piece_ = even_pixels(std::clamp<std::size_t>(share / std::max<std::size_t>(gathered_row, 1), 16, 128));
      row_ = gathered_row;
      scratch_ = piece_ * gathered_row;
    } else {
      source_ = Source::band;
      band_row_ = ((g.out_w - 1) * o.stride_w + (g.kernel_w - 1) * o.dilation_w + 1) * g.c;
      const std::size_t window = (g.kernel_h - 1) * o.dilation_h + 1, rows = L1_share / std::max<std::size_t>(band_row_, 1);
      const std::size_t fit = rows > window ? (rows - window) / o.stride_h + 1 : 1;
      bands_ = even_pieces(g.out_h, std::min<std::size_t>(fit, 16));
      piece_ = div_up(g.out_h, bands_);
      row_ = o.stride_w * g.c;
      // The last group's last run may end in 3 bytes that have no weights.
      scratch_ = ((piece_ - 1) * o.stride_h + window) * band_row_ + (w.groups() > 1 ? 4 : 0);
    }
    pieces_ = source_ == Source::band ? g.n * bands_ : div_up(pixels_, piece_);
    // Few pieces for several threads: the channels are split as well, which costs nothing where no activations are copied.
    const auto workers = static_cast<std::size_t>(threads());
    const std::size_t enough = workers == 1 ? 1 : 8 * workers, rows = std::max<std::size_t>(pieces_ * w.groups(), 1);
    const bool shares_copy = source_ == Source::band && w.groups() > 1;
    group_pieces_ = !shares_copy ? w.groups() : pieces_ >= workers ? 1 : std::min(w.groups(), workers);
    const std::size_t columns = source_ == Source::in_place                            ? div_up(enough, rows)
                                : shares_copy || rows % workers == 0 || rows >= enough ? 1
                                                                                       : workers;
    block_columns_ = std::max<std::size_t>(div_up(w.blocks(), columns), 1);
    scratch_ = round_up(scratch_, cache_line);
    sums_ = w.has_zero_points() ? round_up(source_ == Source::band ? g.out_w : piece_, 16) : 0;
  }

  void run(std::span<const std::int32_t> bias, Workspace& workspace) {
    if (pixels_ == 0 || g_.out_c == 0) return;
    const std::size_t workers = static_cast<std::size_t>(threads());
    channels_ = w_.groups() * width_;
    segments_ = round_up(w_.segments(), cache_line / sizeof(std::ptrdiff_t));
    form_ = w_.prepared(kernel_.gemm_form);
    const std::size_t depth_steps = w_.segments() * w_.steps();
    if (form_ != nullptr) form_bytes_ = kernel_.gemm_form.bytes(depth_steps);
    // Of bands, segments are no neighbours.
    const std::size_t blocks = w_.groups() * w_.blocks();
    if (form_ != nullptr && source_ == Source::band && w_.segments() > 1)
      place_bytes_ = kernel_.gemm_form.place_bytes(depth_steps);
    workspace.begin(workers *
                    (3 * channels_ * 4 + scratch_ + sums_ * 4 + segments_ * sizeof(std::ptrdiff_t) + blocks * place_bytes_));
    folded_ = workspace.take<std::int32_t>(workers * channels_);
    multiplier_ = workspace.take<float>(workers * channels_);
    zero_point_ = workspace.take<std::int32_t>(workers * channels_);
    activations_ = workspace.take<std::uint8_t>(workers * scratch_);
    row_sums_ = workspace.take<std::int32_t>(workers * sums_);
    segment_ = workspace.take<std::ptrdiff_t>(workers * segments_);
    place_ = workspace.take<std::byte>(workers * blocks * place_bytes_);
    const std::size_t column_pieces = div_up(w_.blocks(), block_columns_);
    const auto start = [&](std::size_t worker) { prepare(worker, bias); };
    parallel_for_workers(pieces_ * group_pieces_ * column_pieces, product_time(kernel_.isa, pixels_ * g_.out_c * depth_steps * 4),
                         start, [&](std::size_t worker, std::size_t i) {
                           const std::size_t column = i % column_pieces * block_columns_,
                                             part = i / column_pieces % group_pieces_, piece = i / column_pieces / group_pieces_,
                                             columns = std::min(block_columns_, w_.blocks() - column),
                                             first = part * w_.groups() / group_pieces_,
                                             last = (part + 1) * w_.groups() / group_pieces_;
                           run_piece(piece, first, last, column, columns, worker);
                         });
  }

 private:
  enum class Source { in_place, band, gathered };
  static constexpr std::size_t L1_share = 24576;   // bytes of activations that leave room for weights in an L1 of 32 KiB and more
  static constexpr std::size_t L2_share = 262144;  // the same in an L2 of 512 KiB and more

  /// Output pixels of a piece, `most` or less, as many for each thread; a multiple of 4, which kernels take at once, and 16 at
  /// least, so that weights are not read for too few.
  std::size_t even_pixels(std::size_t most) const {
    return std::max<std::size_t>(round_up(div_up(pixels_, even_pieces(pixels_, most)), 4), 16);
  }

  /// Where segments begin, and bias, multipliers and zero points per packed channel, each worker's own. What does not depend on
  /// the activations goes into the bias:
  ///   sum (x - zx)(w - zw) = sum x w - zw sum x - zx sum (w - zw).
  void prepare(std::size_t worker, std::span<const std::int32_t> bias) const {
    const WindowOptions& o = g_.options;
    const std::size_t taps = w_.groups() > 1 ? g_.kernel_w : 1;  // that are segments of a row
    for (std::size_t s = 0; s < w_.segments(); ++s) {
      const std::size_t in_band = s / taps * o.dilation_h * band_row_ + s % taps * o.dilation_w * g_.c;
      segment_[worker * segments_ + s] = static_cast<std::ptrdiff_t>(source_ == Source::band ? in_band : s * w_.steps() * 4);
    }
    const std::size_t blocks = w_.groups() * w_.blocks();
    for (std::size_t b = 0; place_bytes_ > 0 && b < blocks; ++b)
      kernel_.gemm_form.place(form_ + b * form_bytes_, segment_ + worker * segments_, w_.segments(), w_.steps(),
                              place_ + (worker * blocks + b) * place_bytes_);
    const std::size_t out = w_.group_out();
    for (std::size_t group = 0; group < w_.groups(); ++group) {
      const std::size_t first = group * out, at = worker * channels_ + group * width_;
      fold_bias(bias.empty() ? nullptr : bias.data() + first, w_.bias_limits() + first, w_.shifted_sums() + first,
                x_.unsigned_zero_point(), out, folded_ + at);
      y_.copy_multipliers(first, out, multiplier_ + at);
      std::fill_n(folded_ + at + out, width_ - out, 0);
      std::fill_n(multiplier_ + at + out, width_ - out, 0.0F);
      for (std::size_t c = 0; c < width_ && w_.has_zero_points(); ++c)
        zero_point_[at + c] = c < out ? w_.zero_point(first + c) : 0;
    }
  }

  /// Of the groups [first_group, last_group), several where they share a copy.
  void run_piece(std::size_t piece, std::size_t first_group, std::size_t last_group, std::size_t column, std::size_t columns,
                 std::size_t worker) const {
    std::uint8_t* scratch = activations_ + worker * scratch_;
    if (source_ != Source::band) {
      const std::size_t group = first_group;
      const std::size_t first = piece * piece_, rows = std::min(piece_, pixels_ - first);
      const std::uint8_t* a = scratch;
      if (source_ == Source::in_place)
        a = static_cast<const std::uint8_t*>(x_.data) + first * g_.c + group * w_.group_in();
      else
        gather(group, first, rows, scratch);
      run_rows(a, first, rows, group, column, columns, worker);
      return;
    }
    const std::size_t n = piece / bands_, band = piece % bands_, first = band * g_.out_h / bands_;
    const std::size_t rows = (band + 1) * g_.out_h / bands_ - first;
    copy_band(n, first, rows, scratch);
    // Four blocks at a time over all rows, so that their weights stay in the cache.
    for (std::size_t group = first_group; group < last_group; ++group)
      for (std::size_t c = 0; c < columns; c += 4)
        for (std::size_t r = 0; r < rows; ++r)
          run_rows(scratch + group * w_.group_in() + r * g_.options.stride_h * band_row_, (n * g_.out_h + first + r) * g_.out_w,
                   g_.out_w, group, column + c, std::min<std::size_t>(4, columns - c), worker);
  }

  /// The kernel over `rows` output pixels from `first` on, whose activations start at `a`.
  void run_rows(const std::uint8_t* a, std::size_t first, std::size_t rows, std::size_t group, std::size_t column,
                std::size_t columns, std::size_t worker) const {
    const std::size_t channel = column * block_channels, at = worker * channels_ + group * width_ + channel;
    const std::ptrdiff_t* segment = segment_ + worker * segments_;
    GemmTask t;
    t.a = a;
    t.a_row = static_cast<std::ptrdiff_t>(row_);
    t.segment = segment;
    t.segments = w_.segments();
    t.steps = w_.steps();
    t.b = w_.block(group, column);
    t.form = form_ == nullptr ? nullptr : form_ + (group * w_.blocks() + column) * form_bytes_;
    t.place = place_bytes_ == 0 ? nullptr : place_ + ((worker * w_.groups() + group) * w_.blocks() + column) * place_bytes_;
    t.rows = rows;
    t.cols = std::min(columns * block_channels, w_.group_out() - channel);
    t.bias = folded_ + at;
    t.zero_point = nullptr;
    t.row_sum = nullptr;
    if (w_.has_zero_points()) {
      std::int32_t* sums = row_sums_ + worker * sums_;
      for (std::size_t r = 0; r < rows; ++r) sums[r] = sum_row(a + r * row_, segment);
      t.zero_point = zero_point_ + at;
      t.row_sum = sums;
    }
    t.out = y_.tile(first, g_.out_c, group * w_.group_out() + channel, multiplier_ + at);
    kernel_.gemm_u8s8(t);
  }

  /// Copies `count` codes from element `from` of x on, as unsigned ones.
  void copy(std::size_t from, std::size_t count, std::uint8_t* to) const {
    const std::uint8_t* x = static_cast<const std::uint8_t*>(x_.data) + from;
    if (x_.is_signed)
      kernel_.copy_flipped(x, count, x_.flip(), to);
    else
      std::memcpy(to, x, count);
  }

  /// Sum of all activations of one row.
  std::int32_t sum_row(const std::uint8_t* a, const std::ptrdiff_t* segment) const {
    std::uint32_t sum = 0;
    for (std::size_t s = 0; s < w_.segments(); ++s) {
      const std::uint8_t* run = a + segment[s];
      for (std::size_t i = 0; i < w_.segment_bytes(); ++i) sum += run[i];
    }
    return static_cast<std::int32_t>(sum);
  }

  /// The input rows of `rows` output rows from `first` on of picture n, padded; padding pixels hold the zero point.
  void copy_band(std::size_t n, std::size_t first, std::size_t rows, std::uint8_t* to) const {
    const WindowOptions& o = g_.options;
    const std::size_t count = (rows - 1) * o.stride_h + (g_.kernel_h - 1) * o.dilation_h + 1;
    const std::size_t left = std::min(o.padding.left * g_.c, band_row_), inside = std::min(g_.w * g_.c, band_row_ - left);
    for (std::size_t r = 0; r < count; ++r, to += band_row_) {
      const std::size_t ih = first * o.stride_h + r - o.padding.top;  // wraps above the picture
      if (ih >= g_.h) {
        std::memset(to, x_.padding(), band_row_);
        continue;
      }
      std::memset(to, x_.padding(), left);
      copy((n * g_.h + ih) * g_.w * g_.c, inside, to + left);
      std::memset(to + left + inside, x_.padding(), band_row_ - left - inside);
    }
  }

  /// Activations of the output pixels [first, first + count) of one group, in the order of K that PackedConv2d has.
  void gather(std::size_t group, std::size_t first, std::size_t count, std::uint8_t* to) const {
    const std::size_t channels = w_.group_in(), segment = 4 * w_.steps();
    const WindowOptions& o = g_.options;
    if (g_.kernel_h * g_.kernel_w == 1 && channels == row_ && g_.h * g_.w == g_.out_h * g_.out_w && o.padding == Padding{} &&
        w_.groups() == 1) {
      copy(first * channels, count * channels, to);
      return;
    }
    for (std::size_t p = first; p < first + count; ++p, to += row_) {
      const std::size_t ow = p % g_.out_w, oh = p / g_.out_w % g_.out_h, n = p / (g_.out_w * g_.out_h);
      for (std::size_t kh = 0; kh < g_.kernel_h; ++kh) {
        const std::size_t ih = oh * o.stride_h + kh * o.dilation_h - o.padding.top;  // wraps outside the picture
        for (std::size_t kw = 0; kw < g_.kernel_w; ++kw) {
          std::uint8_t* at = to + kh * segment + kw * channels;
          const std::size_t iw = ow * o.stride_w + kw * o.dilation_w - o.padding.left;
          if (ih < g_.h && iw < g_.w)
            copy(((n * g_.h + ih) * g_.w + iw) * g_.c + group * channels, channels, at);
          else
            std::memset(at, x_.padding(), channels);
        }
      }
    }
  }

  const KernelTable& kernel_ = kernels();
  Codes x_;
  const PackedConv2d& w_;
  WindowGeometry g_;
  LayerOutput y_;
  std::size_t width_, pixels_;  // packed channels per group; output pixels
  Source source_ = Source::gathered;
  std::size_t piece_ = 1,
              pieces_ = 1;        // output pixels of a piece, or output rows at most where the source is a band; number of pieces
  std::size_t bands_ = 1;         // of a picture
  std::size_t group_pieces_ = 1;  // parts that all groups are cut into
  std::size_t block_columns_ = 1;       // blocks of channels per piece
  std::size_t row_ = 0, band_row_ = 0;  // bytes between activations of neighbouring output pixels; between input rows of a band
  const std::byte* form_ = nullptr;     // the weights as the kernel wants them, and bytes of a block
  std::size_t form_bytes_ = 0;
  // Of each worker: bytes of copied activations, row sums, packed channels, places for segments, bytes of GemmForm::place a
  // block; and where they are.
  std::size_t scratch_ = 0, sums_ = 0, channels_ = 0, segments_ = 0, place_bytes_ = 0;
  std::uint8_t* activations_ = nullptr;
  std::int32_t *row_sums_ = nullptr, *folded_ = nullptr, *zero_point_ = nullptr;
  float* multiplier_ = nullptr;
  std::ptrdiff_t* segment_ = nullptr;
  std::byte* place_ = nullptr;
};

}  // namespace trimtab::int8::detail
