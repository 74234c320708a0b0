#pragma once
/// \file
/// How much processor time the process's control group may use: containers limit that, not the number of processors they see.

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

namespace trimtab::detail {

/// Processors that a quota of `quota` us of time each `period` us is worth, rounded up; INT_MAX where there is no limit.
inline int quota_processors(double quota, double period) {
  if (!(quota > 0 && period > 0)) return INT_MAX;
  const double processors = std::ceil(quota / period);
  return processors >= INT_MAX ? INT_MAX : static_cast<int>(processors);
}

/// What a folder of control groups says: cpu.max of version 2 ("max 100000" or "150000 100000"), cpu.cfs_quota_us of version 1.
inline int quota_of_folder(const std::string& folder) {
  std::string quota;
  double period = 0;
  if (std::ifstream v2(folder + "/cpu.max"); v2 >> quota >> period)
    return quota == "max" ? INT_MAX : quota_processors(std::strtod(quota.c_str(), nullptr), period);
  double us = 0;
  if (std::ifstream v1(folder + "/cpu.cfs_quota_us"); v1 >> us)
    if (std::ifstream of(folder + "/cpu.cfs_period_us"); of >> period) return quota_processors(us, period);
  return INT_MAX;
}

/// The least quota of the process's control group and those around it, in processors, 1 or more; INT_MAX without one.
/// `groups` has the lines of /proc/self/cgroup, "0::/path" or "4:cpu,cpuacct:/path"; `root` is where they are mounted.
inline int least_quota(std::istream& groups, const std::string& root) {
  int least = INT_MAX;
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    const std::string mount = controllers.empty() ? root : root + "/cpu";
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/'))) {
      least = std::min(least, quota_of_folder(mount + path));
      if (path.find('/') == std::string::npos) break;
    }
  }
  return std::max(1, least);
}

/// That of this process, read once.
inline int cpu_quota() {
  static const int quota = [] {
    std::ifstream groups("/proc/self/cgroup");
    return least_quota(groups, "/sys/fs/cgroup");
  }();
  return quota;
}

}  // namespace trimtab::detail
