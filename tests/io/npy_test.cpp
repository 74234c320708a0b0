#include <catch.hpp>
#include <limits>
#include <trimtab/io/npy.hpp>

#include "scratch_folder.hpp"

using namespace trimtab;

namespace {

std::string npy(const std::string& type, const std::string& shape, const std::string& numbers,
                const std::string& order = "False") {
  std::string head = "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(head.size());
  bytes += '\0';
  return bytes + head + numbers;
}

template <class T>
std::string bytes_of(std::initializer_list<T> numbers) {
  std::string bytes;
  for (const T n : numbers) bytes.append(reinterpret_cast<const char*>(&n), sizeof n);
  return bytes;
}

}  // namespace

TEST_CASE("write_npy, read_npy: an array comes back, its head a multiple of 64 bytes", "[io]") {
  const ScratchFolder folder;
  Array x = Array::from_shape({2, 3, 1});
  for (std::size_t i = 0; i < 6; ++i) x.data()[i] = static_cast<float>(i) / 7;
  write_npy(folder / "x.npy", x);
  CHECK((read_npy(folder / "x.npy") == x));
  const NpyHeader head = read_npy_header(folder / "x.npy");
  CHECK(head.type == "<f4");
  CHECK(head.data % 64 == 0);
  CHECK(head.extent == Extents{2, 3, 1});
  CHECK(read_npy_numbers(folder / "x.npy", 4, 2) == std::vector<float>{x.data()[4], x.data()[5]});
  CHECK_THROWS_AS(read_npy_numbers(folder / "x.npy", 5, 2), value_error);
}

TEST_CASE("read_npy: numbers of every type", "[io]") {
  const ScratchFolder folder;
  const std::pair<std::string, std::string> files[] = {{"<f4", bytes_of<float>({-1, 2.5F})},
                                                       {"<f8", bytes_of<double>({-1, 2.5})},
                                                       {"<f2", bytes_of<std::uint16_t>({0xbc00, 0x4100})}};
  for (const auto& [type, numbers] : files) {
    folder.write("x.npy", npy(type, "(2,)", numbers));
    const Array x = read_npy(folder / "x.npy");
    CAPTURE(type);
    CHECK((x(0) == -1 && x(1) == 2.5F));
  }
  const std::pair<std::string, std::string> integers[] = {{"|i1", bytes_of<std::int8_t>({-3})},
                                                          {"<i2", bytes_of<std::int16_t>({-3})},
                                                          {"<i4", bytes_of<std::int32_t>({-3})},
                                                          {"<i8", bytes_of<std::int64_t>({-3})}};
  for (const auto& [type, numbers] : integers) {
    folder.write("x.npy", npy(type, "()", numbers));
    CAPTURE(type);
    CHECK(read_npy(folder / "x.npy").data()[0] == -3);
  }
  folder.write("x.npy", npy("|u1", "(1, 2)", bytes_of<std::uint8_t>({200, 7})));
  CHECK(read_npy(folder / "x.npy").data()[0] == 200);
  folder.write("half.npy", npy("<f2", "(3,)", bytes_of<std::uint16_t>({0x0001, 0x7c00, 0x8400})));
  const Array halves = read_npy(folder / "half.npy");
  CHECK(halves(0) == 0x1p-24F);
  CHECK(halves(1) == std::numeric_limits<float>::infinity());
  CHECK(halves(2) == -0x1p-14F);
}

TEST_CASE("read_npy: what is malformed, cut off or of another kind is refused before memory is taken", "[io]") {
  const ScratchFolder folder;
  const std::string good = npy("<f4", "(2, 2)", bytes_of<float>({1, 2, 3, 4}));
  for (std::size_t length = 0; length < good.size(); ++length) {
    folder.write("x.npy", good.substr(0, length));
    CAPTURE(length);
    CHECK_THROWS_AS(read_npy(folder / "x.npy"), parse_error);
  }
  for (const char* shape : {"(2000000000000,)", "(99999999999999999999999,)", "(4294967296, 4294967296, 4294967296)", "(-1,)",
                            "2", "(2", "(a,)", "(1,1,1,1,1,1,1,1,1)"}) {
    folder.write("x.npy", npy("<f4", shape, "1234"));
    CAPTURE(shape);
    CHECK_THROWS_AS(read_npy(folder / "x.npy"), parse_error);
  }
  for (const char* type : {">f4", "<c8", "|O", "<U4"}) {
    folder.write("x.npy", npy(type, "(1,)", "12345678"));
    CHECK_THROWS_AS(read_npy(folder / "x.npy"), unsupported_error);
  }
  folder.write("x.npy", npy("<f4", "(1,)", "1234", "True"));
  CHECK_THROWS_WITH(read_npy(folder / "x.npy"), ContainsSubstring("ascontiguousarray"));
  CHECK_THROWS_AS(read_npy(folder / "absent.npy"), io_error);
}
