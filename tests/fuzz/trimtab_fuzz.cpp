// parse_trimtab, and a run of the network where that is quick. The input is sealed first: with the checksum at risk nothing else
// would ever be read.

#include <trimtab/io/self_check.hpp>
#include <trimtab/io/trimtab/field_writer.hpp>
#include <trimtab/io/trimtab/read.hpp>
#include <trimtab/net/execute/int8_network.hpp>

#include "typed_errors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trimtab;
  std::string bytes(text_of(data, size));
  if (bytes.size() >= detail::file_header) detail::FieldWriter::seal(bytes);
  return only_typed_errors([&] {
    const TrimtabModel model = parse_trimtab(bytes);
    if (detail::work_of(model.network) > 1e5 || detail::memory_of(model.network) > 1e6) return;
    Int8Network::Workspace workspace;
    Int8Network(model.network).run_outputs(self_check_pictures(model.network), workspace);
  });
}
