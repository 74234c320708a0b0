// The program under mpirun.

#include <algorithm>
#include <catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <program_job.hpp>

using trimtab::test::Job;

namespace {

std::string mpirun(int processes) { return TRIMTAB_MPIEXEC " " TRIMTAB_MPIEXEC_NUMPROC_FLAG " " + std::to_string(processes); }

std::string training(const Job& job, int epochs) {
  return job.inputs() + " --labels " + job.path("labels.csv") + " --train " + job.path("pictures") + " --batch 6 --epochs " +
         std::to_string(epochs) + " --weights vector --scheme asymmetric --rescale-dws";
}

}  // namespace

TEST_CASE("mpirun trimtab quantize: 1 to 4 and 14 processes give the same state and the same numbers; one of them prints",
          "[mpi]") {
  const Job job;
  REQUIRE(job.run(training(job, 2) + " --state " + job.path("alone") + " --json " + job.path("alone.json")) == 0);
  const std::string table = job.text("out");
  const auto alone = nlohmann::json::parse(job.text("alone.json"));
  for (const int processes : {1, 2, 3, 4, 14}) {  // 12 pictures; batches of 2 micro-batches
    CAPTURE(processes);
    const std::string name = "state" + std::to_string(processes);
    REQUIRE(job.run(training(job, 2) + " --state " + job.path(name) + " --json " + job.path(name + ".json"), mpirun(processes)) ==
            0);
    CHECK(job.text(name) == job.text("alone"));
    const auto json = nlohmann::json::parse(job.text(name + ".json"));
    for (const char* key :
         {"float_top1", "quantized_top1", "agreement", "logit_rmse", "int8_equals_fake_quant", "loss_before", "loss_after"})
      CHECK(json[key] == alone[key]);
    const std::string out = job.text("out");
    const int line_of_the_exchange = processes > 1 ? 1 : 0;
    CHECK(std::count(out.begin(), out.end(), '\n') == std::count(table.begin(), table.end(), '\n') + line_of_the_exchange);
    CHECK_THAT(job.text("err"), ContainsSubstring("float network          12 in"));  // the bar counts all pictures
  }
}

TEST_CASE("mpirun trimtab quantize: a broken picture in any share, or no model, is one message and a code that is not 0",
          "[mpi]") {
  const Job job;
  const auto messages = [&](const std::string& start) {
    std::istringstream said(job.text("err"));
    std::vector<std::string> found;
    for (std::string line; std::getline(said, line);)
      if (line.starts_with(start)) found.push_back(line);
    return found;
  };
  CHECK(job.run(" " + job.path("missing.onnx") + " --images x --calibrate x --weights vector --scheme symmetric", mpirun(3)) !=
        0);
  CHECK(messages("trimtab quantize: ").size() == 1);
  CHECK(job.run(" --no-such-option", mpirun(3)) != 0);
  CHECK(messages("Run with --help").size() == 1);
  for (const char* broken : {"p0.png", "p9.png"}) {
    std::filesystem::copy_file(job.path("pictures/" + std::string(broken)), job.path("kept"));
    std::ofstream(job.path("pictures/" + std::string(broken)), std::ios::trunc) << "no picture";
    CHECK(job.run(training(job, 1), mpirun(3)) != 0);
    const std::vector<std::string> said = messages("trimtab quantize: ");
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], ContainsSubstring(broken) && ContainsSubstring("of 3: load_image"));
    std::filesystem::rename(job.path("kept"), job.path("pictures/" + std::string(broken)));
  }
}

TEST_CASE("mpirun trimtab quantize: after a process is killed in mid-epoch, the run continues on another number to the same bits",
          "[mpi]") {
  const Job job;
  const std::string arguments = training(job, 100);
  REQUIRE(job.run(arguments + " --state " + job.path("whole")) == 0);
  const std::string saving = arguments + " --state-every 1 --state " + job.path("killed");
  REQUIRE(job.kill(saving, job.path("killed"), mpirun(3), 2));
  REQUIRE(job.kill(saving, job.path("killed"), mpirun(2), 1));
  REQUIRE(job.run(saving, mpirun(4)) == 0);
  CHECK_THAT(job.text("err"), ContainsSubstring("continues after step"));
  CHECK(job.text("killed") == job.text("whole"));
}
