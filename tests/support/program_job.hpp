#pragma once
// The program trimtab, called on a small network and a dozen pictures.

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <scratch_folder.hpp>
#include <string>
#include <trimtab/io/onnx.hpp>
#include <trimtab/net/models/mobilenets.hpp>
#include <vector>

namespace trimtab::test {

/// A small network and a dozen pictures on disk, and a way to call the program on them.
struct Job {
  ScratchFolder folder;

  Job() {
    write_onnx(small_mobilenet(32, 10, 1), path("net.onnx"), {{"preprocessing", "RGB, x/127.5-1"}});
    std::filesystem::create_directory(path("pictures"));
    std::ofstream labels(path("labels.csv"));
    labels << "file,class_index\n";
    for (int i = 0; i < 12; ++i) {
      std::vector<std::uint8_t> pixels(32 * 32 * 3);
      for (std::size_t p = 0; p < pixels.size(); ++p)
        pixels[p] = static_cast<std::uint8_t>((p * 7 + static_cast<std::size_t>(i) * 31) % 251);
      std::string name = "p";
      name += std::to_string(i) + ".png";
      folder.write_png("pictures/" + name, pixels, 32, 32, 3);
      labels << name << ',' << i % 10 << '\n';
    }
  }
  std::string path(const std::string& name) const { return (folder.path() / name).string(); }
  std::string inputs() const {
    return " " + path("net.onnx") + " --images " + path("pictures") + " --calibrate " + path("pictures");
  }
  /// The exit code of `trimtab quantize`; what it says goes to files.
  int run(const std::string& arguments, const std::string& launcher = "") const {
    return call(launcher + " " TRIMTAB_PROGRAM " quantize" + arguments);
  }
  /// The same of any command.
  int call(const std::string& command) const {
    const int status = std::system((command + " >" + path("out") + " 2>" + path("err")).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// Starts it in the background and kills process `which` of it (the n-th child of a launcher; 0: itself) with signal 9 once the
  /// file has changed. False when the program ended before.
  bool kill(const std::string& arguments, const std::string& file, const std::string& launcher = "", int which = 0) const {
    std::ofstream(path("kill.sh")) << "before=$(cksum < $2 2>/dev/null)\n"
                                   << "$1 >$0.out 2>$0.err & pid=$!\n"
                                   << "tries=0\n"
                                   << "while [ \"$(cksum < $2 2>/dev/null)\" = \"$before\" ]; do\n"
                                   << "  sleep 0.02; tries=$((tries + 1)); [ $tries -lt 3000 ] || exit 1\n"
                                   << "done\n"
                                   << "victim=$pid\n"
                                   << "[ $3 = 0 ] || victim=$(cat /proc/$pid/task/*/children | tr ' ' '\\n' | sed -n ${3}p)\n"
                                   << "kill -9 $victim; wait $pid; [ $? -gt 128 ]\n";
    const std::string program = launcher + (launcher.empty() ? "" : " ") + TRIMTAB_PROGRAM + " quantize" + arguments;
    const std::string command = "sh " + path("kill.sh") + " '" + program + "' " + file + " " + std::to_string(which);
    return std::system((command + " 2>" + path("kill.err")).c_str()) == 0;
  }
  std::string text(const std::string& name) const { return folder.read(name); }
};

}  // namespace trimtab::test
