#pragma once
/// \file
/// A progress bar with time left for a terminal; one line at the end elsewhere.

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <trimtab/core/progress.hpp>
#include <utility>

namespace trimtab {

/// Draws on standard error. Converts to `Progress`; must outlive the work that it shows.
class ProgressBar {
 public:
  /// `quiet`: draw nothing.
  explicit ProgressBar(std::string title, bool quiet = false)
      : title_(std::move(title)), quiet_(quiet), terminal_(isatty(2) == 1) {}

  /// To be handed to calibrate, fine_tune and others.
  operator Progress() {
    return [this](std::size_t done, std::size_t total) { show(done, total); };
  }

  /// Draws the bar at done / total.
  void show(std::size_t done, std::size_t total) {
    if (quiet_ || total == 0) return;
    const auto now = Clock::now();
    const bool finished = done >= total;
    if (!finished && (!terminal_ || now - drawn_ < std::chrono::milliseconds(100))) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    if (finished) {
      std::fprintf(stderr, "%s%-22s %zu in %s%s\n", terminal_ ? "\r" : "", title_.c_str(), total, clock(seconds).c_str(),
                   terminal_ ? "\033[K" : "");
      return;
    }
    constexpr std::size_t width = 30;
    const std::size_t filled = width * done / total;
    const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
    const double left = done == 0 ? 0 : seconds * double(total - done) / double(done);
    std::fprintf(stderr, "\r%-22s [%s] %zu/%zu, %s left\033[K", title_.c_str(), bar.c_str(), done, total, clock(left).c_str());
    std::fflush(stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static std::string clock(double seconds) {
    char text[32];
    if (seconds < 60)
      std::snprintf(text, sizeof text, "%.1f s", seconds);
    else
      std::snprintf(text, sizeof text, "%d:%02d min", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
    return text;
  }

  std::string title_;
  bool quiet_, terminal_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace trimtab
