// Containers of others that trimtab knows by their shape alone: mdspan and DLPack.
#include <array>
#include <catch.hpp>
#include <trimtab/core/adapt_dlpack.hpp>
#include <trimtab/core/adapt_mdspan.hpp>
#include <trimtab/ops/quantize.hpp>
#include <vector>
#include <version>

#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#define TRIMTAB_HAS_DLPACK 1
#else
#define TRIMTAB_HAS_DLPACK 0
#endif
#if defined(__cpp_lib_mdspan)
#include <mdspan>
namespace spans = std;
#define TRIMTAB_HAS_MDSPAN 1
#elif __has_include(<mdspan/mdspan.hpp>)
#include <mdspan/mdspan.hpp>
namespace spans = Kokkos;
#define TRIMTAB_HAS_MDSPAN 1
#elif __has_include(<kokkos/mdspan/mdspan.hpp>)  // Debian's libkokkos-dev
#include <kokkos/mdspan/mdspan.hpp>
namespace spans = Kokkos;
#define TRIMTAB_HAS_MDSPAN 1
#else
#define TRIMTAB_HAS_MDSPAN 0
#endif

using namespace trimtab;

namespace {

/// The part of std::mdspan that trimtab looks at, for standard libraries that have none.
template <class T, std::size_t Rank>
struct Mdspan {
  using element_type = T;
  using reference = T&;
  using index_type = int;
  static constexpr std::size_t rank() { return Rank; }
  T* const& data_handle() const { return data; }
  int extent(std::size_t axis) const { return extents[axis]; }
  int stride(std::size_t axis) const { return strides[axis]; }

  T* data;
  std::array<int, Rank> extents, strides;
};

/// DLPack 1.0's tensors (dlpack.h), for systems that have an older header or none.
struct Device {
  int device_type = 1, device_id = 0;
};
struct DataType {
  std::uint8_t code = 2, bits = 32;
  std::uint16_t lanes = 1;
};
struct Tensor1 {
  void* data = nullptr;
  Device device;
  std::int32_t ndim = 0;
  DataType dtype;
  std::int64_t *shape = nullptr, *strides = nullptr;
  std::uint64_t byte_offset = 0;
};
struct Versioned {
  struct {
    std::uint32_t major = 1, minor = 0;
  } version;
  void* manager_ctx = nullptr;
  void (*deleter)(Versioned*) = nullptr;
  std::uint64_t flags = 0;
  Tensor1 dl_tensor;
};

}  // namespace

static_assert(Tensor<Mdspan<const float, 2>> && !DlpackTensor<Mdspan<float, 2>> && DlpackManagedTensor<Versioned>);

TEST_CASE("mdspan: extents, strides and elements are the span's", "[core]") {
  std::vector<float> data(12);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  const Mdspan<float, 2> transposed{data.data(), {4, 3}, {1, 4}};
  const auto v = view(transposed);
  CHECK(v.extent == Extents{4, 3});
  CHECK(v.stride == Strides{1, 4});
  CHECK(v.data == data.data());
  const Mdspan<const float, 0> scalar{data.data() + 5, {}, {}};
  CHECK(view(scalar).size() == 1);
  CHECK(*view(scalar).data == 5.0F);
#if TRIMTAB_HAS_MDSPAN
  const spans::mdspan real(data.data(), spans::extents<std::size_t, 3, 4>());
  CHECK(view(real).extent == Extents{3, 4});
  CHECK(view(real).stride == Strides{4, 1});
  using Plane = spans::dextents<int, 2>;
  const spans::mdspan columns(data.data(), spans::layout_left::mapping<Plane>(Plane(3, 4)));
  CHECK(view(columns).stride == Strides{1, 3});
  const spans::mdspan gaps(data.data(), spans::layout_stride::mapping<Plane>(Plane(2, 2), std::array{6, 2}));
  CHECK(view(gaps).extent == Extents{2, 2});
  CHECK(view(gaps).stride == Strides{6, 2});
  std::vector<std::int8_t> codes(12);
  quantize(spans::mdspan<const float, Plane>(data.data(), 3, 4),
           AdjustableThreshold<float>(signed_codes(8), {127.0F}, per_tensor),
           spans::mdspan<std::int8_t, Plane>(codes.data(), 3, 4));
  CHECK(codes == std::vector<std::int8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
#endif
}

TEST_CASE("quantize: a transposed view is taken as it lies, a view with gaps is refused with a sentence", "[core]") {
  std::vector<float> data{1.0F, -1.0F, 0.5F, 0.25F, 0.0F, 2.0F};
  std::vector<std::int8_t> codes(6);
  const AdjustableThreshold<float> quantizer(signed_codes(8), {1.0F, 2.0F}, per_channel(1));
  const Mdspan<const float, 2> x{data.data(), {3, 2}, {1, 3}};
  quantize(x, quantizer, Mdspan<std::int8_t, 2>{codes.data(), {3, 2}, {1, 3}});
  CHECK(codes == std::vector<std::int8_t>{127, -127, 64, 16, 0, 127});
  const Mdspan<const float, 2> gaps{data.data(), {3, 1}, {2, 1}};
  CHECK_THROWS_WITH(quantize(gaps, quantizer, Mdspan<std::int8_t, 2>{codes.data(), {3, 1}, {2, 1}}),
                    "quantize: expected a dense tensor, got extents [3, 1], strides [2, 1]");
}

TEST_CASE("DLPack: data, byte offset and strides of a tensor in the CPU's memory", "[core]") {
  std::vector<float> data(12);
  std::int64_t shape[] = {2, 3}, strides[] = {1, 2};
  Tensor1 t;
  t.data = data.data();
  t.ndim = 2;
  t.shape = shape;
  t.byte_offset = 8;
  CHECK(from_dlpack<float>(t).data == data.data() + 2);
  CHECK(from_dlpack<float>(t).stride == Strides{3, 1});
  t.strides = strides;
  CHECK(from_dlpack<const float>(t).stride == Strides{1, 2});
  CHECK(from_dlpack<const float>(t).extent == Extents{2, 3});
  shape[1] = 0;
  t.data = nullptr;
  CHECK(from_dlpack<float>(t).size() == 0);
  t.ndim = 0;
  t.data = data.data();
  CHECK(from_dlpack<float>(t).size() == 1);
}

TEST_CASE("DLPack: what is not in order is refused, each by its error", "[core]") {
  std::vector<float> data(12);
  std::int64_t shape[9] = {2, 3, 1, 1, 1, 1, 1, 1, 1};
  Tensor1 t;
  t.data = data.data();
  t.ndim = 2;
  t.shape = shape;
  REQUIRE_NOTHROW(from_dlpack<float>(t));
  CHECK_THROWS_WITH(from_dlpack<std::int8_t>(t),
                    "from_dlpack: elements of code 2 with 32 bits and 1 lanes; expected code 0 with 8 bits and 1 lane");
  CHECK_THROWS_AS(from_dlpack<double>(t), unsupported_error);
  t.device.device_type = 2;
  CHECK_THROWS_WITH(from_dlpack<float>(t), "from_dlpack: the tensor lies on device type 2; copy it to the CPU first");
  t.device.device_type = 1;
  t.byte_offset = 2;
  CHECK_THROWS_AS(from_dlpack<float>(t), value_error);
  t.byte_offset = 0;
  t.ndim = 9;
  CHECK_THROWS_AS(from_dlpack<float>(t), shape_error);
  t.ndim = 2;
  shape[0] = -1;
  CHECK_THROWS_WITH(from_dlpack<float>(t), "from_dlpack: axis 0 has extent -1");
  shape[0] = 2;
  t.data = nullptr;
  CHECK_THROWS_WITH(from_dlpack<float>(t), "from_dlpack: data is null for extents [2, 3]");
}

TEST_CASE("DLPack 1: versions and the read-only flag", "[core]") {
  std::vector<float> data(6);
  std::int64_t shape[] = {6};
  Versioned m;
  m.dl_tensor.data = data.data();
  m.dl_tensor.ndim = 1;
  m.dl_tensor.shape = shape;
  CHECK(from_dlpack<float>(m).data == data.data());
  m.flags = 1;
  CHECK_THROWS_WITH(from_dlpack<float>(m), "from_dlpack: the tensor is read-only; ask for from_dlpack<const T>");
  CHECK(from_dlpack<const float>(m).data == data.data());
  m.version.major = 2;
  CHECK_THROWS_WITH(from_dlpack<const float>(m), "from_dlpack: DLPack version 2.0; known is 1");
}

#if TRIMTAB_HAS_DLPACK
TEST_CASE("DLPack: the tensors of this system's dlpack.h", "[core]") {
  std::vector<std::uint8_t> data(6);
  std::int64_t shape[] = {2, 3};
  DLManagedTensor m{};
  m.dl_tensor.data = data.data();
  m.dl_tensor.device = {kDLCPU, 0};
  m.dl_tensor.ndim = 2;
  m.dl_tensor.dtype = {kDLUInt, 8, 1};
  m.dl_tensor.shape = shape;
  CHECK(from_dlpack<std::uint8_t>(m).data == data.data());
  CHECK(from_dlpack<std::uint8_t>(m.dl_tensor).extent == Extents{2, 3});
}
#endif
