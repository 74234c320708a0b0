#include <catch.hpp>
#include <cstdint>
#include <iomanip>
#include <trimtab/core/error.hpp>
#include <trimtab/core/tensor_view.hpp>

using trimtab::detail::message;

TEST_CASE("message: parts as a stream prints them", "[core]") {
  CHECK(message() == "");
  CHECK(message("a ", std::string("b"), ' ', 'c', " ", true, " ", -3, " ", std::uint64_t{1} << 63) ==
        "a b c 1 -3 9223372036854775808");
  CHECK(message(0.1F, " ", 1.0 / 3, " ", 1e30) == "0.1 0.333333 1e+30");
  CHECK(message(trimtab::Extents{2, 3}) == "[2, 3]");
}

TEST_CASE("message: manipulators are of what follows them", "[core]") {
  CHECK(message(1.0 / 3, " ", std::fixed, std::setprecision(2), 1.0 / 3, " ", 100.0) == "0.333333 0.33 100.00");
  CHECK(message(std::setprecision(3), 1.0 / 3) == "0.333");
  CHECK(message(std::hex, 255, std::setw(4), 1) == "ff   1");
}
