#pragma once
/// \file
/// The same layer through oneDNN and XNNPACK, where CMake found them.

#include <cstdint>
#include <memory>
#include <trimtab/core/conv_geometry.hpp>
#include <trimtab/core/error.hpp>
#include <vector>

#ifdef TRIMTAB_BENCH_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif
#ifdef TRIMTAB_BENCH_XNNPACK
#include <xnnpack.h>
#endif

namespace peers {

/// A layer with its parameters: u8 activations, s8 weights O KH KW I/groups with a scale per channel, u8 codes out.
struct Layer {
  trimtab::WindowGeometry g;
  std::vector<std::int8_t> weight;
  std::vector<std::int32_t> bias;
  std::vector<float> multiplier;

  bool is_depthwise() const { return g.groups > 1 && g.groups == g.c && g.c == g.out_c; }
};

#ifdef TRIMTAB_BENCH_ONEDNN
/// u8 x s8 -> u8, weights in whatever layout oneDNN prefers, scales per channel. It takes its ISA from DNNL_MAX_CPU_ISA.
class OneDnn {
 public:
  /// `add`: what y holds is added before the last rounding, as a residual branch is.
  OneDnn(const Layer& l, const std::uint8_t* x_data, std::uint8_t* y, bool add = false) {
    using dnnl::memory;
    using Type = memory::data_type;
    using Tag = memory::format_tag;
    const auto d = [](std::size_t n) { return static_cast<memory::dim>(n); };
    const trimtab::WindowGeometry& g = l.g;
    const memory::desc x({d(g.n), d(g.c), d(g.h), d(g.w)}, Type::u8, Tag::nhwc);
    const memory::desc out({d(g.n), d(g.out_c), d(g.out_h), d(g.out_w)}, Type::u8, Tag::nhwc);
    const memory::desc b({d(g.out_c)}, Type::s32, Tag::x);
    const bool grouped = g.groups > 1;
    const memory::dims dims = grouped ? memory::dims{d(g.groups), d(g.group_out()), d(g.group_in()), d(g.kernel_h), d(g.kernel_w)}
                                      : memory::dims{d(g.out_c), d(g.c), d(g.kernel_h), d(g.kernel_w)};
    const memory::desc w(dims, Type::s8, Tag::any);
    const trimtab::WindowOptions& o = g.options;
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x, w, b,
                                               out, {d(o.stride_h), d(o.stride_w)}, {d(o.dilation_h) - 1, d(o.dilation_w) - 1},
                                               {d(o.padding.top), d(o.padding.left)}, {d(o.padding.bottom), d(o.padding.right)});
    dnnl::primitive_attr attr;
    attr.set_output_scales(1 << 1, l.multiplier);
    if (add) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attr.set_post_ops(sum);
    }
    const dnnl::convolution_forward::primitive_desc pd(desc, attr, engine_);
    name_ = pd.impl_info_str();
    conv_ = dnnl::convolution_forward(pd);
    // O KH KW I is "ohwi"; grouped, with one output per group, "goihw" read with its own strides.
    memory::dims strides =
        grouped ? memory::dims{d(g.group_out() * g.group_in() * g.kernel_h * g.kernel_w),
                               d(g.kernel_h * g.kernel_w * g.group_in()), 1, d(g.kernel_w * g.group_in()), d(g.group_in())}
                : memory::dims{d(g.kernel_h * g.kernel_w * g.c), 1, d(g.kernel_w * g.c), d(g.c)};
    memory plain(memory::desc(dims, Type::s8, strides), engine_, const_cast<std::int8_t*>(l.weight.data()));
    weight_ = memory(pd.weights_desc(), engine_);
    dnnl::reorder(plain, weight_).execute(stream_, plain, weight_);
    stream_.wait();
    args_ = {{DNNL_ARG_SRC, memory(x, engine_, const_cast<std::uint8_t*>(x_data))},
             {DNNL_ARG_WEIGHTS, weight_},
             {DNNL_ARG_BIAS, memory(b, engine_, const_cast<std::int32_t*>(l.bias.data()))},
             {DNNL_ARG_DST, memory(out, engine_, y)}};
  }
  void run() {
    conv_.execute(stream_, args_);
    stream_.wait();
  }
  const std::string& name() const { return name_; }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::convolution_forward conv_;
  dnnl::memory weight_;
  std::unordered_map<int, dnnl::memory> args_;
  std::string name_;
};

class OneDnnPool {
 public:
  /// The mean over all pixels of a picture of size x size.
  OneDnnPool(std::size_t size, std::size_t channels, const std::uint8_t* x, std::uint8_t* y) {
    using dnnl::memory;
    const auto d = [](std::size_t n) { return static_cast<memory::dim>(n); };
    const memory::desc from({1, d(channels), d(size), d(size)}, memory::data_type::u8, memory::format_tag::nhwc);
    const memory::desc to({1, d(channels), 1, 1}, memory::data_type::u8, memory::format_tag::nhwc);
    const dnnl::pooling_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_avg_exclude_padding, from,
                                           to, {1, 1}, {d(size), d(size)}, {0, 0}, {0, 0});
    pool_ = dnnl::pooling_forward(dnnl::pooling_forward::primitive_desc(desc, engine_));
    args_ = {{DNNL_ARG_SRC, memory(from, engine_, const_cast<std::uint8_t*>(x))}, {DNNL_ARG_DST, memory(to, engine_, y)}};
  }
  void run() {
    pool_.execute(stream_, args_);
    stream_.wait();
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::pooling_forward pool_;
  std::unordered_map<int, dnnl::memory> args_;
};
#endif

#ifdef TRIMTAB_BENCH_XNNPACK
/// XNNPACK's threads; none for one.
class XnnpackThreads {
 public:
  explicit XnnpackThreads(int count) : pool_(count > 1 ? pthreadpool_create(static_cast<std::size_t>(count)) : nullptr) {}
  ~XnnpackThreads() {
    if (pool_ != nullptr) pthreadpool_destroy(pool_);
  }
  XnnpackThreads(const XnnpackThreads&) = delete;
  XnnpackThreads& operator=(const XnnpackThreads&) = delete;
  pthreadpool_t get() const { return pool_; }

 private:
  pthreadpool_t pool_;
};

/// s8 x s8 -> s8 with scales per channel: XNNPACK has no u8 activations with those, and reads the same bytes as s8. It takes the
/// best ISA of the CPU.
class Xnnpack {
 public:
  Xnnpack(const Layer& l, const std::uint8_t* x, std::uint8_t* y, pthreadpool_t pool) : pool_(pool) {
    const trimtab::WindowGeometry& g = l.g;
    const auto u = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
    const trimtab::WindowOptions& o = g.options;
    // Depthwise filters go in as KH KW C with this flag.
    std::vector<std::int8_t> weight = l.weight;
    const bool depthwise = l.is_depthwise();
    if (depthwise)
      for (std::size_t c = 0; c < g.c; ++c)
        for (std::size_t t = 0; t < g.kernel_h * g.kernel_w; ++t) weight[t * g.c + c] = l.weight[c * g.kernel_h * g.kernel_w + t];
    if (xnn_initialize(nullptr) != xnn_status_success ||
        xnn_create_convolution2d_nhwc_qc8(u(o.padding.top), u(o.padding.right), u(o.padding.bottom), u(o.padding.left),
                                          u(g.kernel_h), u(g.kernel_w), u(o.stride_h), u(o.stride_w), u(o.dilation_h),
                                          u(o.dilation_w), u(g.groups), g.group_in(), g.group_out(), g.c, g.out_c, -128, 1.0F,
                                          l.multiplier.data(), weight.data(), l.bias.data(), -128, 1.0F, -128, 127,
                                          depthwise ? XNN_FLAG_DEPTHWISE_CONVOLUTION : 0, &op_) != xnn_status_success ||
        xnn_setup_convolution2d_nhwc_qc8(op_, g.n, g.h, g.w, reinterpret_cast<const std::int8_t*>(x),
                                         reinterpret_cast<std::int8_t*>(y), pool_) != xnn_status_success)
      throw trimtab::unsupported_error("XNNPACK refuses this layer");
  }
  ~Xnnpack() { xnn_delete_operator(op_); }
  Xnnpack(const Xnnpack&) = delete;
  Xnnpack& operator=(const Xnnpack&) = delete;
  void run() { xnn_run_operator(op_, pool_); }

 private:
  xnn_operator_t op_ = nullptr;
  pthreadpool_t pool_;
};

/// The elementwise operators of MobileNet-v2, s8.
class XnnpackOperator {
 public:
  static XnnpackOperator add(std::size_t count, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
                             pthreadpool_t pool) {
    XnnpackOperator op(pool);
    op.require(xnn_create_add_nd_qs8(-128, 1.0F, -128, 1.0F, -128, 2.0F, -128, 127, 0, &op.op_));
    op.require(xnn_setup_add_nd_qs8(op.op_, 1, &count, 1, &count, signed_codes(a), signed_codes(b),
                                    reinterpret_cast<std::int8_t*>(y), pool));
    return op;
  }
  static XnnpackOperator global_average_pool(std::size_t pixels, std::size_t channels, const std::uint8_t* x, std::uint8_t* y,
                                             pthreadpool_t pool) {
    XnnpackOperator op(pool);
    op.require(
        xnn_create_global_average_pooling_nwc_qs8(channels, channels, channels, -128, 1.0F, -128, 1.0F, -128, 127, 0, &op.op_));
    op.require(
        xnn_setup_global_average_pooling_nwc_qs8(op.op_, 1, pixels, signed_codes(x), reinterpret_cast<std::int8_t*>(y), pool));
    return op;
  }
  void run() const { xnn_run_operator(op_, pool_); }

 private:
  explicit XnnpackOperator(pthreadpool_t pool) : pool_(pool) {}
  static const std::int8_t* signed_codes(const std::uint8_t* x) { return reinterpret_cast<const std::int8_t*>(x); }
  static void require(xnn_status status) {
    if (status != xnn_status_success) throw trimtab::unsupported_error("XNNPACK refuses this operator");
  }
  pthreadpool_t pool_;
  xnn_operator_t op_ = nullptr;  // lives as long as the process, as few as there are
};
#endif

}  // namespace peers
