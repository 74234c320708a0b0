#include <algorithm>
#include <catch.hpp>
#include <cstdint>
#include <trimtab/core/large_pages.hpp>
#include <vector>

using namespace trimtab;

namespace {
constexpr std::size_t page_bytes = std::size_t{1} << 21, page = page_bytes / sizeof(float);
}  // namespace

TEST_CASE("LargePages: arrays below, at and above a page of 2 MB hold what is written", "[core]") {
  const std::size_t size = GENERATE(std::size_t{1}, page - 1, page, page + 1, 5 * page / 2);
  std::vector<float, LargePages<float>> array(size, 1.0F), moved;
  CHECK((reinterpret_cast<std::uintptr_t>(array.data()) % page_bytes == 0 || size < page));
  array.back() = 2;
  const float* const before = array.data();
  moved = std::move(array);  // no copy: any of these allocators frees what another gave
  CHECK(moved.data() == before);
  moved.resize(size + page);
  CHECK(std::count(moved.begin(), moved.end(), 1.0F) == static_cast<std::ptrdiff_t>(size - 1));
  CHECK(moved[size - 1] == 2);
}
