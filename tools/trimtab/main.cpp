// trimtab: networks from files to int8 files.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <trimtab/core/communicator.hpp>
#include <trimtab/core/config.hpp>

#include "command.hpp"

int main(int argc, char** argv) {
  const program::World world{};
  CLI::App app{"Quantizes neural networks to int8; shows, runs and compares networks, and writes them in C."};
  app.set_version_flag("--version", "trimtab " TRIMTAB_VERSION);
  app.require_subcommand(0, 1);
  app.callback([&] {  // after what is misspelt has been named
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A command");
  });
  std::map<std::string, program::Command> commands;
  std::string names;
  const auto add = [&](CLI::App* command, program::Command (*describe)(CLI::App&)) {
    commands[command->get_name()] = describe(*command);
    names += (names.empty() ? "" : ", ") + command->get_name();
  };
  add(app.add_subcommand("quantize", "Quantize a float network with trained thresholds, and measure what that costs"),
      program::quantize_command);
  add(app.add_subcommand("run", "Run a network, float or quantized, on pictures or .npy files"), program::run_command);
  add(app.add_subcommand("show", "Show a network's nodes: extents, work, grids, and what would stay in float"),
      program::show_command);
  add(app.add_subcommand("compare", "Compare two networks on the same inputs, output by output and node by node"),
      program::compare_command);
  add(app.add_subcommand("generate", "Write a quantized network as one C or C++ file that needs no library"),
      program::generate_command);
  try {
    if (argc > 1 && argv[1][0] != '-' && commands.count(argv[1]) == 0)
      throw CLI::ExtrasError(std::string(argv[1]) + " is no command; the commands are " + names, CLI::ExitCodes::ExtrasError);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return (world.rank() != 0 ? e.get_exit_code() : app.exit(e)) == 0 ? 0 : 2;
  }
  const std::string command = app.get_subcommands().front()->get_name();
  const std::string failure = trimtab::run_together(world, [&] { commands.at(command)(world); });
  if (failure.empty()) return 0;
  if (world.rank() == 0) std::fprintf(stderr, "trimtab %s: %s\n", command.c_str(), failure.c_str());
  return 1;
}
