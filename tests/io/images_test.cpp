#include <catch.hpp>
#include <fstream>
#include <trimtab/core/parallel.hpp>
#include <trimtab/io/images.hpp>

#include "scratch_folder.hpp"

using namespace trimtab;

namespace {

Picture plain(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  Picture p = Picture::from_shape({4, 4, 3});
  for (std::size_t i = 0; i < p.size(); i += 3) {
    p.data()[i] = r;
    p.data()[i + 1] = g;
    p.data()[i + 2] = b;
  }
  return p;
}

}  // namespace

TEST_CASE("list_images: sorted by name, other files and folders left out", "[io]") {
  const ScratchFolder folder;
  for (const char* name : {"b.JPG", "a.png", "c.jpeg", "notes.txt", "labels.csv", "._a.png"}) folder.write(name, "");
  std::filesystem::create_directory(folder / "d.png");
  std::vector<std::string> names;
  for (const auto& file : list_images(folder.path())) names.push_back(file.filename().string());
  CHECK(names == std::vector<std::string>{"a.png", "b.JPG", "c.jpeg"});
  CHECK_THROWS_AS(list_images(folder / "absent"), io_error);
  CHECK_THROWS_AS(list_images(folder / "a.png"), io_error);
}

TEST_CASE("read_labels: file names to classes, malformed lines refused by number", "[io]") {
  const ScratchFolder folder;
  folder.write("labels.csv",
               "\xEF\xBB\xBF"
               "file,class_index\r\na.png,3\r\nb, with comma.png,12\n\nc.png,0");
  const auto labels = read_labels(folder / "labels.csv");
  CHECK(labels.size() == 3);
  CHECK(labels.at("a.png") == 3);
  CHECK(labels.at("b, with comma.png") == 12);
  CHECK(labels.at("c.png") == 0);

  CHECK_THROWS_AS(read_labels(folder / "absent.csv"), io_error);
  for (const char* bad : {"a.png,1\nb.png", "a.png,1\n,2", "a.png,1\nb.png,-2", "a.png,1\nb.png,2x", "a.png,1\na.png,2",
                          "a.png,1\nb.png,", "a.png,1\nb.png,99999999999999999999999"}) {
    folder.write("bad.csv", bad);
    CAPTURE(bad);
    CHECK_THROWS_AS(read_labels(folder / "bad.csv"), parse_error);
    CHECK_THROWS_WITH(read_labels(folder / "bad.csv"), ContainsSubstring("bad.csv:2"));
  }
}

TEST_CASE("PictureSet: a batch is (byte - mean) / scale, channels kept apart", "[io]") {
  PictureSet set(4, 4);
  set.add(plain(0, 128, 255));
  set.add(plain(10, 20, 30));
  const Array x = set.batch(std::vector<std::size_t>{1, 0, 1}, Preprocess{{10, 0, 30}, {1, 10, 2}});
  CHECK(view(x).extent == Extents{3, 4, 4, 3});
  CHECK(x(0, 3, 2, 0) == 0.0F);
  CHECK(x(0, 3, 2, 1) == 2.0F);
  CHECK(x(1, 0, 0, 0) == -10.0F);
  CHECK(x(1, 0, 0, 1) == 12.8F);
  CHECK(x(2, 1, 1, 2) == 0.0F);
  CHECK_THROWS_AS(set.batch(std::vector<std::size_t>{2}, {}), value_error);
  CHECK_THROWS_AS(PictureSet(0, 4), value_error);
  CHECK_THROWS_AS(set.add(Picture::from_shape({4, 5, 3})), shape_error);
}

TEST_CASE("PictureSet: a folder is loaded in order, on any number of threads", "[io]") {
  const ScratchFolder folder;
  for (int i = 0; i < 70; ++i) folder.write_png(std::to_string(100 + i) + ".png", plain(std::uint8_t(i), std::uint8_t(2 * i), 7));
  const std::vector<std::filesystem::path> files = list_images(folder.path());
  for (const int threads : {1, 3}) {
    const ScopedThreads scope(threads);
    std::vector<std::size_t> steps;
    const PictureSet set = PictureSet::load(files, {4, 4, 5}, [&](std::size_t done, std::size_t total) {
      CHECK(total == 70);
      steps.push_back(done);
    });
    REQUIRE(set.size() == 70);
    CHECK(steps.back() == 70);
    for (std::size_t i = 0; i < 70; ++i) {
      CHECK(set.bytes(i)[0] == i);
      CHECK(set.bytes(i)[1] == 2 * i);
      CHECK(set.label(i) == PictureSet::no_label);
    }
    CHECK(set.name(33) == "133.png");
  }
}

TEST_CASE("PictureSet: labels by name; missing ones and classes out of range are refused", "[io]") {
  PictureSet set(4, 4);
  set.add(plain(1, 1, 1), "a.png");
  set.add(plain(2, 2, 2), "b.png");
  set.set_labels({{"b.png", 4}, {"a.png", 2}, {"other.png", 1}}, 5);
  CHECK(set.label(0) == 2);
  CHECK(set.label(1) == 4);
  CHECK_THROWS_WITH(set.set_labels({{"a.png", 2}}, 5), ContainsSubstring("b.png"));
  CHECK_THROWS_AS(set.set_labels({{"b.png", 5}, {"a.png", 2}}, 5), value_error);
}

TEST_CASE("PictureSet: a file that is no picture, or too thin to be fitted, is named", "[io]") {
  const ScratchFolder folder;
  folder.write_png("thin.png", std::vector<std::uint8_t>(3 * 400000), 1, 400000, 3);
  CHECK_THROWS_WITH(PictureSet::load({folder / "thin.png"}, {}), ContainsSubstring("thin.png"));
  folder.write("bad.png", "no");
  CHECK_THROWS_WITH(PictureSet::load({folder / "bad.png"}, {}), ContainsSubstring("bad.png"));
}

TEST_CASE("PictureFiles: reads a picture when it is first asked for, and gives what PictureSet gives", "[io]") {
  const ScratchFolder folder;
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i) + ".png";
    folder.write_png(name, std::vector<std::uint8_t>(6 * 6 * 3, static_cast<std::uint8_t>(50 * i)), 6, 6, 3);
    files.push_back(folder / name);
  }
  const Fit fit{6, 6, 6};
  const std::size_t wanted[] = {2, 0, 2};
  const Array expected = PictureSet::load(files, fit).batch(wanted, {});
  std::ofstream(files[1]) << "broken";
  const PictureFiles pictures(files, fit, {});
  CHECK(pictures.size() == 3);
  CHECK((pictures(wanted) == expected));
  std::filesystem::remove(files[2]);
  CHECK((pictures(wanted) == expected));  // read once
  const std::size_t broken[] = {0, 1}, beyond[] = {3};
  CHECK_THROWS_AS(pictures(broken), parse_error);
  CHECK_THROWS_WITH(pictures(broken), ContainsSubstring("1.png"));
  CHECK_THROWS_AS(pictures(beyond), value_error);
}

TEST_CASE("PictureFiles: pictures of one and of four channels, and blue first", "[io]") {
  const ScratchFolder folder;
  folder.write_png("rgb.png", {10, 20, 30, 200, 100, 50}, 2, 1, 3);
  folder.write_png("rgba.png", {10, 20, 30, 40, 50, 60, 70, 80}, 2, 1, 4);
  const std::size_t first = 0;
  const Preprocess bytes{{0}, {1}}, of_three{{1, 2, 3}, {1, 1, 1}};
  const auto load = [&](const char* name, const Preprocess& p, std::size_t channels) {
    const Array x = PictureFiles({folder / name}, Fit{2, 1, 0}, p, channels)(std::span(&first, 1));
    return std::vector<float>(x.begin(), x.end());
  };
  CHECK(load("rgb.png", bytes, 1) == std::vector<float>{18, 124});  // (77 R + 150 G + 29 B) / 256
  CHECK(load("rgba.png", bytes, 4) == std::vector<float>{10, 20, 30, 40, 50, 60, 70, 80});
  CHECK(load("rgb.png", {{1, 2, 3}, {1, 1, 1}, true}, 3) == std::vector<float>{29, 18, 7, 49, 98, 197});
  CHECK_THROWS_AS(load("rgb.png", of_three, 1), value_error);
  CHECK_THROWS_AS(load("rgb.png", bytes, 2), value_error);
}
