#pragma once
/// \file
/// How long work tells how far it is.

#include <cstddef>
#include <functional>

namespace trimtab {

/// Called as progress(done, total) now and then from the calling thread; empty means nobody wants to know.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

}  // namespace trimtab
