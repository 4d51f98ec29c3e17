// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/train/vision/flat_parameters.h"

namespace deer {

struct StateReaderSizes {
  std::int64_t width = 96;    ///< of the tokens
  std::int64_t heads = 4;     ///< divides width
  std::int64_t queries = 8;   ///< learned queries of the tokens
  std::int64_t hidden = 256;  ///< of the MLP after them
  std::int64_t points = 0;    ///< points whose image position is given during training
  std::int64_t outputs = 1;
};

std::vector<ParameterSpec> state_reader_specs(const std::string& prefix, const StateReaderSizes& sizes);

struct StateReading {
  at::Tensor values;  ///< [N, outputs]
  at::Tensor looks;   ///< [N, points, P]: log attention of each point's query on each patch
};

/// Predicts the scene's state from one camera's patch tokens: learned queries attend to the tokens, some of them for
/// known points, and a small MLP reads what they found and where. `tokens` [N, P, width].
StateReading read_state(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const StateReaderSizes& sizes, const at::Tensor& tokens);

}  // namespace deer
