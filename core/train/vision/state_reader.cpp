// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/state_reader.h"

#include <cmath>

#include "core/model/torch_compat.h"
#include "core/train/vision/vision_points.h"

namespace deer {
std::vector<ParameterSpec> state_reader_specs(const std::string& prefix, const StateReaderSizes& sizes) {
  using Start = ParameterSpec::Start;
  const auto spread = [](std::int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs)); };
  const auto width = sizes.width;
  const auto found = sizes.queries * (width + 2 * sizes.heads) + sizes.points * (width + 2);
  return {
      {prefix + "norm.weight", {width}, Start::ones},
      {prefix + "norm.bias", {width}, Start::zeros},
      {prefix + "queries", {sizes.queries, width}, Start::normal, 1},
      {prefix + "points", {sizes.points, width}, Start::normal, spread(width)},
      {prefix + "key_value.weight", {2 * width, width}, Start::normal, spread(width), true},
      {prefix + "hidden.weight", {sizes.hidden, found}, Start::normal, spread(found), true},
      {prefix + "hidden.bias", {sizes.hidden}, Start::zeros},
      {prefix + "output.weight", {sizes.outputs, sizes.hidden}, Start::normal, 0.1 * spread(sizes.hidden), true},
      {prefix + "output.bias", {sizes.outputs}, Start::zeros},
      {prefix + "direct.weight", {sizes.outputs, found}, Start::zeros, 0, true},
  };
}

StateReading read_state(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const StateReaderSizes& sizes, const at::Tensor& tokens) {
  const auto get = [&](const char* name) -> const at::Tensor& { return parameters.at(prefix + name); };
  const auto x = layer_norm(tokens.to(at::kFloat), get("norm.weight"), get("norm.bias"));
  const auto count = x.size(0);
  const auto key_value = at::linear(x, get("key_value.weight")).chunk(2, -1);
  const auto queries = get("queries").unsqueeze(0).expand({count, sizes.queries, sizes.width});
  const double scale = 1 / std::sqrt(static_cast<double>(sizes.width / sizes.heads));
  // The mean position of each query's attention, in addition to what it reads there: it is closely related to a
  // position in the world.
  const auto side = std::lround(std::sqrt(static_cast<double>(x.size(1))));
  const auto centers = patch_centers(side);
  const auto places = centers.expand({count, sizes.heads, -1, -1});
  const auto values = at::cat({split_heads(key_value[1], sizes.heads), places}, 3);
  auto found =
      merge_heads(attention(split_heads(queries, sizes.heads), split_heads(key_value[0], sizes.heads), values, scale))
          .flatten(1);
  StateReading out;
  if (sizes.points > 0) {
    out.looks = at::log_softmax(at::linear(x, get("points")).transpose(1, 2), 2);
    const auto seen = at::matmul(out.looks.exp(), at::cat({x, centers.expand({count, -1, -1})}, 2));
    found = at::cat({found, seen.flatten(1)}, 1);
  }
  const auto hidden = at::linear(found, get("hidden.weight"), get("hidden.bias"));
  out.values =
      at::linear(at::silu(hidden), get("output.weight"), get("output.bias")) + at::linear(found, get("direct.weight"));
  return out;
}

}  // namespace deer
