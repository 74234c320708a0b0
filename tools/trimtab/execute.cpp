#include "execute.hpp"

#include <optional>
#include <trimtab/net/execute/float_executor.hpp>
#include <trimtab/net/execute/int8_network.hpp>
#include <trimtab/net/passes/simplify.hpp>

namespace program {

using namespace trimtab;

struct Runner::State {
  std::optional<Network> in_float;
  std::optional<Int8Network> in_integers;
  Int8Network::Workspace workspace;
};

Runner::Runner(const Model& model) : state_(std::make_unique<State>()) {
  if (model.is_quantized())
    state_->in_integers.emplace(std::get<LoweredNetwork>(model.network));
  else
    state_->in_float.emplace(simplify(std::get<Network>(model.network)));
}
Runner::~Runner() = default;

std::vector<Array> Runner::operator()(const std::vector<Array>& inputs) {
  return state_->in_float ? run_outputs(*state_->in_float, inputs) : state_->in_integers->run_outputs(inputs, state_->workspace);
}

}  // namespace program
