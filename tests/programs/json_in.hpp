#pragma once
// What the program writes as JSON.

#include <nlohmann/json.hpp>
#include <program_job.hpp>
#include <string>

namespace trimtab::test {

/// A file of a job's folder.
inline nlohmann::json json_in(const Job& job, const std::string& name) { return nlohmann::json::parse(job.text(name)); }

}  // namespace trimtab::test
