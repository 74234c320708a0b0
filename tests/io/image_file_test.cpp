#include <catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <trimtab/io/image_file.hpp>

#include "scratch_folder.hpp"

using namespace trimtab;

namespace {

Picture gradient(std::size_t h, std::size_t w) {
  Picture p = Picture::from_shape({h, w, 3});
  for (std::size_t i = 0; i < h; ++i)
    for (std::size_t j = 0; j < w; ++j) {
      p(i, j, 0) = static_cast<std::uint8_t>(255 * i / std::max<std::size_t>(1, h - 1));
      p(i, j, 1) = static_cast<std::uint8_t>(255 * j / std::max<std::size_t>(1, w - 1));
      p(i, j, 2) = 40;
    }
  return p;
}

/// The definition: each output is the triangle-weighted mean of all inputs, in double, no rounding between the passes.
Picture resize_by_definition(const Picture& x, std::size_t h, std::size_t w) {
  const auto weight = [](std::size_t in, std::size_t out, std::size_t i, std::size_t j) {
    const double scale = double(in) / double(out), radius = std::max(1.0, scale);
    return std::max(0.0, 1.0 - std::abs((double(j) + 0.5) - (double(i) + 0.5) * scale) / radius);
  };
  Picture y = Picture::from_shape({h, w, 3});
  for (std::size_t i = 0; i < h; ++i)
    for (std::size_t j = 0; j < w; ++j)
      for (std::size_t c = 0; c < 3; ++c) {
        double sum = 0, total = 0;
        for (std::size_t a = 0; a < x.shape(0); ++a)
          for (std::size_t b = 0; b < x.shape(1); ++b) {
            const double t = weight(x.shape(0), h, i, a) * weight(x.shape(1), w, j, b);
            total += t;
            sum += t * x(a, b, c);
          }
        y(i, j, c) = static_cast<std::uint8_t>(std::lround(sum / total));
      }
  return y;
}

bool same(const Picture& a, const Picture& b) { return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin()); }

Extents extents(const Picture& p) { return view(p).extent; }

int largest_difference(const Picture& a, const Picture& b) {
  REQUIRE(a.shape() == b.shape());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(int(a.data()[i]) - int(b.data()[i])));
  return largest;
}

}  // namespace

TEST_CASE("load_image: a PNG comes back byte for byte, whatever its channels", "[io]") {
  const ScratchFolder folder;
  const Picture p = gradient(5, 7);
  folder.write_png("rgb.png", p);
  CHECK(same(load_image(folder / "rgb.png"), p));

  const std::vector<std::uint8_t> grey{0, 100, 200, 255};
  folder.write_png("grey.png", grey, 2, 2, 1);
  const Picture g = load_image(folder / "grey.png");
  CHECK(view(g).extent == Extents{2, 2, 3});
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t c = 0; c < 3; ++c) CHECK(g.data()[i * 3 + c] == grey[i]);

  folder.write_png("alpha.png", {10, 20, 30, 0, 40, 50, 60, 255}, 1, 2, 4);
  const Picture a = load_image(folder / "alpha.png");
  CHECK(std::vector<std::uint8_t>(a.begin(), a.end()) == std::vector<std::uint8_t>{10, 20, 30, 40, 50, 60});
}

TEST_CASE("load_image: a JPEG comes back nearly", "[io]") {
  const ScratchFolder folder;
  const Picture p = gradient(32, 48);
  folder.write_jpg("p.jpg", p);
  CHECK(largest_difference(load_image(folder / "p.jpg"), p) <= 8);
}

TEST_CASE("load_image: what is no picture is refused by its name", "[io]") {
  const ScratchFolder folder;
  CHECK_THROWS_AS(load_image(folder / "absent.png"), io_error);
  CHECK_THROWS_AS(load_image(folder.path()), io_error);
  folder.write("empty.png", "");
  folder.write("text.jpg", "these are words");
  for (const char* name : {"empty.png", "text.jpg"}) {
    CHECK_THROWS_AS(load_image(folder / name), parse_error);
    CHECK_THROWS_WITH(load_image(folder / name), ContainsSubstring(name));
  }
}

TEST_CASE("load_image: a PNG cut short at any byte gives a parse_error", "[io]") {
  const ScratchFolder folder;
  folder.write_png("whole.png", gradient(9, 9));
  const std::string bytes = folder.read("whole.png");
  // The last 16 bytes are the end chunk and the checksum of the data, which carry no pixels.
  for (std::size_t length = 0; length + 16 < bytes.size(); ++length) {
    folder.write("cut.png", bytes.substr(0, length));
    CAPTURE(length);
    CHECK_THROWS_AS(load_image(folder / "cut.png"), parse_error);
    if (length > 3) CHECK_THROWS_WITH(load_image(folder / "cut.png"), ContainsSubstring("ends early"));
  }
}

TEST_CASE("decode_image: a JPEG whose Huffman table counts more symbols than there are is refused", "[io]") {
  const ScratchFolder folder;
  folder.write_jpg("p.jpg", gradient(9, 9));
  std::string bytes = folder.read("p.jpg");
  const auto decode = [&] { return decode_image({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, "p.jpg"); };
  CHECK(decode().shape(0) == 9);
  const std::size_t table = bytes.find("\xFF\xC4");
  REQUIRE(table != std::string::npos);
  for (std::size_t i = 0; i < 16; ++i) bytes[table + 5 + i] = '\xFF';  // 4080 symbols
  CHECK_THROWS_WITH(decode(), ContainsSubstring("Huffman table"));
}

TEST_CASE("load_image: absurd extents are refused before memory is taken", "[io]") {
  const ScratchFolder folder;
  folder.write_png("p.png", gradient(4, 4));
  std::string bytes = folder.read("p.png");
  // IHDR's width and height, big-endian, at 16 and 20; stb_image does not look at the checksum.
  for (const std::size_t at : {16U, 20U}) {
    bytes[at + 2] = 0x27;  // 10000
    bytes[at + 3] = 0x10;
  }
  folder.write("huge.png", bytes);
  CHECK_THROWS_WITH(load_image(folder / "huge.png"), ContainsSubstring("10000 x 10000 pixels"));
  for (const std::size_t at : {16U, 20U}) {
    bytes[at + 2] = 0x03;  // 1000: not too large, but more than these few bytes can hold
    bytes[at + 3] = static_cast<char>(0xE8);
  }
  folder.write("hollow.png", bytes);
  CHECK_THROWS_WITH(load_image(folder / "hollow.png"), ContainsSubstring("1000 x 1000 pixels"));
  for (const std::size_t at : {16U, 20U}) bytes[at] = 0x7f;
  folder.write("larger.png", bytes);
  CHECK_THROWS_AS(load_image(folder / "larger.png"), parse_error);
}

TEST_CASE("load_image: bytes changed at random give a picture or a typed error", "[io]") {
  const ScratchFolder folder;
  folder.write_png("p.png", gradient(24, 24));
  folder.write_jpg("p.jpg", gradient(24, 24));
  std::uint32_t state = 12345;
  const auto next = [&] { return state = state * 1664525U + 1013904223U, state >> 8; };
  for (const char* name : {"p.png", "p.jpg"}) {
    const std::string good = folder.read(name);
    int refused = 0;
    for (int round = 0; round < 200; ++round) {
      std::string bad = good;
      for (int i = 0; i < 4; ++i) bad[next() % bad.size()] = static_cast<char>(next());
      folder.write("bad", bad);
      try {
        load_image(folder / "bad");
      } catch (const parse_error&) {
        ++refused;
      }
    }
    CHECK(refused > 0);
  }
}

TEST_CASE("resize_bilinear: within one step of the triangle filter's definition", "[io]") {
  std::uint32_t state = 7;
  Picture p = Picture::from_shape({37, 53, 3});
  for (std::uint8_t& x : p) x = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
  for (const auto& [h, w] : {std::pair<std::size_t, std::size_t>{16, 23}, {37, 20}, {80, 61}, {1, 1}, {5, 120}}) {
    CAPTURE(h, w);
    CHECK(largest_difference(resize_bilinear(p, h, w), resize_by_definition(p, h, w)) <= 1);
  }
  CHECK(same(resize_bilinear(p, 37, 53), p));
  CHECK_THROWS_AS(resize_bilinear(p, 0, 5), value_error);
  CHECK_THROWS_AS(resize_bilinear(Picture::from_shape({0, 5, 3}), 4, 4), value_error);
}

TEST_CASE("resize_bilinear: halving averages with weights 1 3 3 1", "[io]") {
  Picture p = Picture::from_shape({1, 8, 3});
  for (std::size_t j = 0; j < 8; ++j)
    for (std::size_t c = 0; c < 3; ++c) p(0, j, c) = static_cast<std::uint8_t>(j == 3 ? 80 : 0);
  const Picture y = resize_bilinear(p, 1, 4);
  CHECK(int(y(0, 0, 0)) == 0);
  CHECK(int(y(0, 1, 0)) == 30);  // inputs 1 to 4 with 1/8 3/8 3/8 1/8
  CHECK(int(y(0, 2, 0)) == 10);
  CHECK(int(y(0, 3, 0)) == 0);
}

TEST_CASE("fit_image: short side resized, middle cut out, a fitting picture untouched", "[io]") {
  const Picture right = gradient(224, 224);
  CHECK(same(fit_image(right, {}), right));
  CHECK(extents(fit_image(gradient(300, 500), {})) == Extents{224, 224, 3});
  CHECK(extents(fit_image(gradient(500, 90), {})) == Extents{224, 224, 3});
  CHECK(same(fit_image(gradient(300, 256), {}), centre_crop(gradient(300, 256), 224, 224)));
  CHECK(same(fit_image(gradient(55, 70), fit_to(48, 48)), centre_crop(gradient(55, 70), 48, 48)));
  CHECK_THROWS_AS(fit_image(gradient(60, 60), Fit{48, 48, 40}), value_error);

  Picture marked = gradient(8, 9);
  marked(2, 2, 2) = 99;
  CHECK(centre_crop(marked, 4, 4)(0, 0, 2) == 99);               // margins 4 and 5: 2 rows above, 2 columns to the left
  CHECK(centre_crop(marked, 8, 2)(2, 0, 1) == marked(2, 4, 1));  // margin 7: 3.5 rounds to 4
  CHECK_THROWS_AS(centre_crop(marked, 9, 9), value_error);
}
