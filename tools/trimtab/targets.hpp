#pragma once
// Files and folders that a command will write: known to be writable before it works.

#include <string>
#include <vector>

namespace program {

/// Throws io_error, naming the option, where such a file cannot be written; an empty name is no file.
void require_file(const std::string& option, const std::string& file);
/// The same of a folder, which is made where it is not there.
void require_folder(const std::string& option, const std::string& folder);
/// A file that an option writes; an empty name is no file.
struct Target {
  std::string option, file;
};
/// Throws value_error where writing one of the files would lose one that is read, or another of them. `read`: files, folders of
/// files, or such with NAME= before them.
void require_apart(const std::vector<std::string>& read, const std::vector<Target>& targets);
/// What a file takes: "3.5 MB".
std::string size_text(const std::string& file);

}  // namespace program
