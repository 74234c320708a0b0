#include <catch.hpp>
#include <trimtab/io/preprocess.hpp>

using namespace trimtab;

TEST_CASE("parse_preprocessing: the formulas that float networks carry", "[io]") {
  CHECK(parse_preprocessing("RGB, x/127.5-1 (values in [-1,1])") == Preprocess{});
  CHECK(parse_preprocessing("x/127.5 - 1") == Preprocess{});
  CHECK(parse_preprocessing("x/255").mean == std::vector<double>{0});
  CHECK(parse_preprocessing("x/2+3").mean == std::vector<double>{-6});

  const Preprocess p = parse_preprocessing("RGB, (x/255-mean)/std, mean .485,.456,.406 std .229,.224,.225");
  CHECK(p.mean[0] == Approx(123.675));
  CHECK(p.mean[2] == Approx(103.53));
  CHECK(p.scale[1] == Approx(57.12));
}

TEST_CASE("parse_preprocessing: anything else is refused", "[io]") {
  for (const char* bad : {"", "RGB", "x", "x/0", "x/nan", "x/127.5-", "x/127.5-1 and more", "(x/255-mean)/std",
                          "(x/255-mean)/std, mean 1,2 std 1,2,3", "(x/255-mean)/std, mean 1,2,3 std 1,0,3"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_preprocessing(bad), parse_error);
  }
}

TEST_CASE("parse_preprocessing: blue first, and networks of one or four channels", "[io]") {
  CHECK(parse_preprocessing("BGR, x/127.5-1") == Preprocess{{127.5}, {127.5}, true});
  CHECK(parse_preprocessing("(x/2-mean)/std, mean 1 std 3") == Preprocess{{2}, {6}});
  CHECK(parse_preprocessing("(x/1-mean)/std, mean 1,2,3,4 std 5,6,7,8") == Preprocess{{1, 2, 3, 4}, {5, 6, 7, 8}});
  CHECK(Preprocess{}.fits(1));
  CHECK(Preprocess{}.fits(4));
  CHECK_FALSE(Preprocess{{1, 2, 3}, {1, 1, 1}}.fits(4));
  CHECK_FALSE(Preprocess{{1}, {1}, true}.fits(1));
  CHECK(Preprocess{{1, 2, 3}, {1, 1, 4}}(2, 7) == 1.0F);
}

TEST_CASE("parse_mean_scale: a mean and a scale, some for each channel, or a name", "[io]") {
  CHECK(parse_mean_scale("127.5,127.5") == Preprocess{});
  CHECK(parse_mean_scale("-1275e-1,.2E+3") == Preprocess{{-127.5}, {200}});
  CHECK(parse_mean_scale("tf") == Preprocess{});
  CHECK(parse_mean_scale("byte") == parse_mean_scale("0,1"));
  CHECK(parse_mean_scale("imagenet").mean[0] == Approx(.485 * 255));
  CHECK(parse_mean_scale("imagenet").scale[2] == Approx(.225 * 255));
  CHECK(parse_mean_scale("BGR,imagenet").mean[0] == Approx(.406 * 255));  // of blue
  CHECK(parse_mean_scale("BGR,104,117,123,1,1,1") == Preprocess{{104, 117, 123}, {1, 1, 1}, true});
  CHECK(parse_mean_scale("1, 2, 3, 4, 5, 6") == Preprocess{{1, 2, 3}, {4, 5, 6}});
  CHECK(parse_mean_scale("1,2,3,4,5,6,7,8") == Preprocess{{1, 2, 3, 4}, {5, 6, 7, 8}});
  for (const char* bad :
       {"", "1", "1,0", "1,2,3", "1,2,", "1,2,3,4,5,6,7", "1,2,3,4", "imagenets", "GRB,1,1", "1;2", "1,inf", "nan,1"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_mean_scale(bad), parse_error);
  }
}

TEST_CASE("preprocessing_text: parse_preprocessing reads it as it was", "[io]") {
  for (const Preprocess& p : {Preprocess{}, Preprocess{{123.675, 116.28, 103.53}, {58.395, 57.12, 57.375}},
                              Preprocess{{0, -1.0 / 3, 7}, {0.1, 1, 255}, true}, Preprocess{{1, 2, 3, 4}, {5, 6, 7, 8}}})
    CHECK(parse_preprocessing(preprocessing_text(p)) == p);
}
