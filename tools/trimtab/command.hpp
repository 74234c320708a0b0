#pragma once
// The commands of the program: each declares its options and gives what it does once they are read.

#include <functional>

#include "world.hpp"

namespace CLI {
class App;
}

namespace program {

/// Throws what is told to the user.
using Command = std::function<void(const World&)>;

Command quantize_command(CLI::App& app);
Command run_command(CLI::App& app);
Command show_command(CLI::App& app);
Command compare_command(CLI::App& app);
Command generate_command(CLI::App& app);

}  // namespace program
