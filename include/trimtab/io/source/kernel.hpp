#pragma once
/// \file
/// Pieces of C that a generated file is made of.

#include <string>
#include <vector>

namespace trimtab::detail {

/// A function with its types, in C11 that is C++17 too. `@` stands before each name that is the file's own, where C puts the network's name.
/// Written once, behind what it needs.
struct SourceKernel {
  std::string name;  ///< of the function that nodes call
  std::string text;
  std::vector<const SourceKernel*> needs = {};
};

}  // namespace trimtab::detail
