#include <catch.hpp>
#include <program_job.hpp>

using namespace trimtab;

namespace {

/// A program that does nothing but a file's self-check.
void write_check(const test::Job& job, const std::string& prefix) {
  job.folder.write("check.c", "#include \"net.h\"\nstatic uint8_t arena[" + prefix + "arena_bytes];\nint main(void) { return " +
                                  prefix + "self_check(arena); }\n");
}

}  // namespace

TEST_CASE("trimtab generate: the file checks itself in C and in C++, and its costs are printed", "[programs]") {
  const test::Job job;
  const std::string program = TRIMTAB_PROGRAM, int8 = job.path("int8.onnx");
  REQUIRE(job.run(job.inputs() + " --weights vector --scheme symmetric --execute int8 --out " + int8) == 0);
  REQUIRE(job.call(program + " generate " + int8 + " --out " + job.path("net.h")) == 0);
  const std::string table = job.text("out");
  CHECK_THAT(table, ContainsSubstring("the most"));
  CHECK_THAT(table, ContainsSubstring("net.h, C11: "));
  CHECK_THAT(table, ContainsSubstring(" bytes of constants (flash), an arena of "));
  if (job.call("cc --version") != 0 || job.call("c++ --version") != 0) {
    std::printf("SKIPPED: no cc or no c++\n");
    return;
  }
  write_check(job, "net_");
  REQUIRE(job.call("cc -std=c11 -Wall -Wextra -Werror -O1 " + job.path("check.c") + " -o " + job.path("check")) == 0);
  CHECK(job.call(job.path("check")) == 0);

  REQUIRE(job.call(program + " generate " + int8 + " --language c++ --name small --out " + job.path("net.h")) == 0);
  CHECK_THAT(job.text("out"), ContainsSubstring("net.h, C++17: "));
  write_check(job, "small::");
  REQUIRE(job.call("c++ -std=c++17 -Wall -Wextra -Werror -O1 -x c++ " + job.path("check.c") + " -o " + job.path("check")) == 0);
  CHECK(job.call(job.path("check")) == 0);
}

TEST_CASE("trimtab generate: float networks, names that are none and folders that are not there are refused", "[programs]") {
  const test::Job job;
  const std::string generate = std::string(TRIMTAB_PROGRAM) + " generate " + job.path("net.onnx");
  CHECK(job.call(generate + " --out " + job.path("net.h")) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("is a float network"));
  CHECK(job.call(generate + " --out " + job.path("nowhere/net.h")) == 1);
  CHECK(job.call(generate) == 2);
  CHECK(job.call(generate + " --language rust --out " + job.path("net.h")) == 2);
  const std::string int8 = job.path("int8.onnx");
  REQUIRE(job.run(job.inputs() + " --weights vector --scheme symmetric --execute int8 --out " + int8) == 0);
  CHECK(job.call(std::string(TRIMTAB_PROGRAM) + " generate " + int8 + " --name 7up --out " + job.path("net.h")) == 1);
  CHECK_THAT(job.text("err"), ContainsSubstring("\"net7up\" is one"));
  CHECK_FALSE(std::filesystem::exists(job.path("net.h")));
}
