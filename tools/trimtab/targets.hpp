#pragma once
// Files and folders that a command will write: known to be writable before it works.

#include <string>

namespace program {

/// Throws io_error, naming the option, where such a file cannot be written; an empty name is no file.
void require_file(const std::string& option, const std::string& file);
/// The same of a folder, which is made where it is not there.
void require_folder(const std::string& option, const std::string& folder);
/// What a file takes: "3.5 MB".
std::string size_text(const std::string& file);

}  // namespace program
