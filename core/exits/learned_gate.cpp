// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/learned_gate.h"

#include <c10/util/hash.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/base/error.h"
#include "core/base/number_text.h"

namespace deer {
namespace {

constexpr float kClip = 8;  // normalised inputs beyond are unlike anything seen in training

// Rounding in larger matrix products, with a margin of ten: of a number of the state, and of an action delta.
constexpr double kStateRounding = 2e-6;
constexpr double kDeltaRounding = 1e-5;

std::string layers_text(std::span<const int> layers) {
  std::string out;
  for (const int layer : layers) out += (out.empty() ? "" : ", ") + std::to_string(layer);
  return out;
}

void check_numbers(const char* name, const std::vector<float>& numbers, std::size_t expected) {
  if (numbers.size() != expected) {
    throw Error(std::string("'") + name + "' has " + std::to_string(numbers.size()) + " numbers, expected " +
                std::to_string(expected));
  }
  if (!std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); })) {
    throw Error(std::string("'") + name + "' holds a number that is infinite or NaN");
  }
}

void check_size(const char* name, std::size_t value, std::size_t most) {
  if (value < 1 || value > most) {
    throw Error(std::string("the gate's ") + name + " is " + std::to_string(value) + ", expected 1 to " +
                std::to_string(most));
  }
}

void check_weights(const GateWeights& w) {
  if (w.exit_layers.size() < 2 || w.exit_layers.size() > GateWeights::kMostExits) {
    throw Error("'exit_layers' names " + std::to_string(w.exit_layers.size()) + " exits, expected 2 to " +
                std::to_string(GateWeights::kMostExits));
  }
  for (std::size_t i = 0; i < w.exit_layers.size(); ++i) {
    if (w.exit_layers[i] < 0 || (i > 0 && w.exit_layers[i] <= w.exit_layers[i - 1])) {
      throw Error("'exit_layers' is not ordered from shallow to deep");
    }
  }
  check_size("feature size", w.feature_size, GateWeights::kMostInputs);
  check_size("state size", w.state_size, GateWeights::kMostInputs);
  check_size("width", w.width, GateWeights::kMostWidth);
  const auto gated = w.gated();
  check_numbers("feature_mean", w.feature_mean, gated * w.feature_size);
  check_numbers("feature_scale", w.feature_scale, gated * w.feature_size);
  check_numbers("state_mean", w.state_mean, w.state_size);
  check_numbers("state_scale", w.state_scale, w.state_size);
  check_numbers("feature_weight", w.feature_weight, w.feature_size * w.width);
  check_numbers("state_weight", w.state_weight, w.state_size * w.width);
  check_numbers("difference_weight", w.difference_weight, w.differences() * w.width);
  check_numbers("exit_bias", w.exit_bias, gated * w.width);
  check_numbers("hidden_weight", w.hidden_weight, w.width * w.width);
  check_numbers("hidden_bias", w.hidden_bias, w.width);
  check_numbers("output_weight", w.output_weight, w.width);
  check_numbers("output_bias", w.output_bias, gated);
  for (const float unit : {w.unit, w.feature_unit}) {
    if (!(unit > 0) || std::isinf(unit)) throw Error("'units' holds a number that is not above 0");
  }
  if (w.calibration.size() != gated) throw Error("the gate has no calibration for each gated exit");
  for (std::size_t exit = 0; exit < gated; ++exit) {
    const auto& knots = w.calibration[exit];
    bool good = !knots.empty();
    for (std::size_t i = 0; i < knots.size(); ++i) {
      const auto& [x, y] = knots[i];
      good = good && x > 0 && y > 0 && std::isfinite(x) && std::isfinite(y);
      if (i > 0) good = good && x > knots[i - 1].first && y > knots[i - 1].second;
    }
    if (!good) throw Error("'calibration." + std::to_string(exit) + "' is not a list of increasing positive pairs");
  }
}

std::string hash_of_gate(const GateWeights& w, const std::string& model_hash) {
  std::string bytes = model_hash;
  const auto add = [&](const auto& numbers) {
    bytes += ":" + std::to_string(numbers.size()) + ":";
    bytes.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(numbers[0]));
  };
  add(w.exit_layers);
  for (const auto* numbers :
       {&w.feature_mean, &w.feature_scale, &w.state_mean, &w.state_scale, &w.feature_weight, &w.state_weight,
        &w.difference_weight, &w.exit_bias, &w.hidden_weight, &w.hidden_bias, &w.output_weight, &w.output_bias}) {
    add(*numbers);
  }
  add(std::vector<float>{w.unit, w.feature_unit});
  for (const auto& knots : w.calibration) add(knots);
  return c10::sha1(bytes).str();
}

// Largest singular value of `rows` x `width` numbers, each row multiplied by its scale, by power iteration.
template <typename Scale>
double spectral_norm(std::span<const float> matrix, std::size_t width, Scale&& scale) {
  const std::size_t rows = matrix.size() / width;
  std::vector<double> right(width, 1 / std::sqrt(static_cast<double>(width)));
  double norm = 0;
  for (int round = 0; round < 30; ++round) {
    std::vector<double> next(width, 0.0);
    double squares = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto* numbers = matrix.data() + row * width;
      const double factor = scale(row);
      double left = 0;
      for (std::size_t i = 0; i < width; ++i) left += static_cast<double>(numbers[i]) * right[i];
      left *= factor;
      squares += left * left;
      for (std::size_t i = 0; i < width; ++i) next[i] += factor * left * static_cast<double>(numbers[i]);
    }
    norm = std::sqrt(squares);
    double length = 0;
    for (const double x : next) length += x * x;
    length = std::sqrt(length);
    if (!(length > 0)) break;
    for (std::size_t i = 0; i < width; ++i) right[i] = next[i] / length;
  }
  return norm;
}

// Adds value * row to `sum`. One row after another, so that the compiler may use vectors without changing the order
// of additions.
void add_scaled(std::vector<float>& sum, const float* row, float value) {
  const std::size_t width = sum.size();
  float* out = sum.data();
  for (std::size_t i = 0; i < width; ++i) out[i] += value * row[i];
}

float normalised(float value, float mean, float scale) { return std::clamp((value - mean) * scale, -kClip, kClip); }

// log(1 + difference / unit): 0 for none, and for what is not known.
float squeezed(float difference, float unit) {
  return std::isfinite(difference) ? std::log1p(std::max(0.0F, difference) / unit) : 0.0F;
}

// The calibrated distance, and its slope. Beyond the knots it is proportional.
std::pair<double, double> calibrated(const std::vector<std::pair<float, float>>& knots, double x) {
  const auto proportional = [&](const std::pair<float, float>& knot) {
    const double slope = static_cast<double>(knot.second) / static_cast<double>(knot.first);
    return std::pair(slope * x, slope);
  };
  if (x <= static_cast<double>(knots.front().first)) return proportional(knots.front());
  if (x >= static_cast<double>(knots.back().first)) return proportional(knots.back());
  const auto above = std::upper_bound(knots.begin(), knots.end(), x, [](double value, const auto& knot) {
    return value < static_cast<double>(knot.first);
  });
  const auto& [x1, y1] = *above;
  const auto& [x0, y0] = *std::prev(above);
  const double slope =
      (static_cast<double>(y1) - static_cast<double>(y0)) / (static_cast<double>(x1) - static_cast<double>(x0));
  return {static_cast<double>(y0) + slope * (x - static_cast<double>(x0)), slope};
}

}  // namespace

LearnedGate::LearnedGate(GateWeights weights, std::map<std::string, std::string> provenance)
    : weights_(std::move(weights)), provenance_(std::move(provenance)) {
  check_weights(weights_);
  fingerprint_ = hash_of_gate(weights_, this->provenance("model_hash"));
  measure_sensitivity();
}

std::string LearnedGate::provenance(const std::string& key) const {
  const auto place = provenance_.find(key);
  return place == provenance_.end() ? std::string() : place->second;
}

std::vector<double> LearnedGate::suggested_thresholds() const {
  std::vector<double> out;
  std::istringstream words(provenance("thresholds"));
  for (std::string word; std::getline(words, word, ',');) {
    const auto number = parse_number(word);
    if (!number || std::isnan(*number)) return {};
    out.push_back(*number);
  }
  return out.size() == weights_.exit_layers.size() ? out : std::vector<double>();
}

void LearnedGate::measure_sensitivity() {
  const auto& w = weights_;
  constexpr double kShort = 1.1;  // power iteration approaches the norm from below
  const auto of_state = [&](std::size_t row) { return static_cast<double>(w.state_scale[row]); };
  state_sensitivity_ = kShort * spectral_norm(w.state_weight, w.width, of_state) * kStateRounding *
                       std::sqrt(static_cast<double>(w.state_size));
  // Every other input is a feature distance, which is the same in every replay. d log(1 + x / unit) <= dx / unit.
  const auto of_delta = [](std::size_t row) { return row % 2 == 0 ? 1.0 : 0.0; };
  difference_sensitivity_ = kShort * spectral_norm(w.difference_weight, w.width, of_delta) * kDeltaRounding /
                            static_cast<double>(w.unit) * std::sqrt(static_cast<double>(w.gated() + 1));
}

void LearnedGate::check_model(std::span<const int> exit_layers, std::size_t d_model, std::size_t state_size) const {
  const auto& own = weights_.exit_layers;
  // A model of which only the first layers are loaded may end with an exit of its own.
  const auto count = exit_layers.size();
  if (count < 1 || count > own.size() || !std::equal(exit_layers.begin(), exit_layers.end() - 1, own.begin()) ||
      exit_layers.back() > own[count - 1] || (count == own.size() && exit_layers.back() != own.back())) {
    throw Error("the gate was trained for exits after layers " + layers_text(own) + ", the model has " +
                layers_text(exit_layers));
  }
  if (d_model != weights_.feature_size) {
    throw Error("the gate was trained for features of " + std::to_string(weights_.feature_size) +
                " numbers, the model's have " + std::to_string(d_model));
  }
  if (state_size != weights_.state_size) {
    throw Error("the gate was trained for a recurrent state of " + std::to_string(weights_.state_size) +
                " numbers, the model's action head has " + std::to_string(state_size));
  }
}

double LearnedGate::cost_of_frame() const { return static_cast<double>(weights_.state_size * weights_.width); }

double LearnedGate::cost_of_exit() const {
  const auto& w = weights_;
  return static_cast<double>(w.width * (w.feature_size + w.differences() + w.width + 1));
}

GateFrame::GateFrame(const LearnedGate& gate, std::span<const float> state) : gate_(&gate) {
  const auto& w = gate.weights_;
  if (!state.empty() && state.size() != w.state_size) {
    throw Error("the gate was given a recurrent state of " + std::to_string(state.size()) + " numbers, expected " +
                std::to_string(w.state_size));
  }
  state_part_.assign(w.width, 0.0F);
  for (std::size_t i = 0; i < w.state_size; ++i) {
    const float value = normalised(state.empty() ? 0.0F : state[i], w.state_mean[i], w.state_scale[i]);
    add_scaled(state_part_, w.state_weight.data() + i * w.width, value);
  }
  so_far_.assign(w.width, 0.0F);
}

GatePrediction GateFrame::next(std::span<const float> feature, float action_delta, float feature_distance) {
  const auto& w = gate_->weights_;
  const auto exit = index_++;
  if (exit >= w.gated()) return {};
  if (feature.size() != w.feature_size) {
    throw Error("the gate was given a feature of " + std::to_string(feature.size()) + " numbers, expected " +
                std::to_string(w.feature_size));
  }
  const auto width = w.width;
  const auto row = [&](std::size_t input) { return w.difference_weight.data() + input * width; };
  const float delta = squeezed(action_delta, w.unit);
  const float moved = squeezed(feature_distance, w.feature_unit);
  add_scaled(so_far_, row(2 + 2 * exit), delta);
  add_scaled(so_far_, row(3 + 2 * exit), moved);

  first_.assign(w.exit_bias.begin() + static_cast<std::ptrdiff_t>(exit * width),
                w.exit_bias.begin() + static_cast<std::ptrdiff_t>((exit + 1) * width));
  const auto* mean = w.feature_mean.data() + exit * w.feature_size;
  const auto* scale = w.feature_scale.data() + exit * w.feature_size;
  for (std::size_t i = 0; i < w.feature_size; ++i) {
    add_scaled(first_, w.feature_weight.data() + i * width, normalised(feature[i], mean[i], scale[i]));
  }
  add_scaled(first_, row(0), delta);
  add_scaled(first_, row(1), moved);
  for (std::size_t i = 0; i < width; ++i) first_[i] += state_part_[i] + so_far_[i];

  second_ = w.hidden_bias;
  for (std::size_t i = 0; i < width; ++i) {
    if (first_[i] > 0) add_scaled(second_, w.hidden_weight.data() + i * width, first_[i]);
  }
  float output = w.output_bias[exit];
  for (std::size_t i = 0; i < width; ++i) output += std::max(0.0F, second_[i]) * w.output_weight[i];

  // The slope of the output with regard to the first layer; units near 0 count as if they were above.
  constexpr float kNearly = -1e-3F;
  double squares = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (first_[i] < kNearly) continue;
    double slope = 0;
    const auto* to = w.hidden_weight.data() + i * width;
    for (std::size_t k = 0; k < width; ++k) {
      if (second_[k] >= kNearly) slope += static_cast<double>(to[k]) * static_cast<double>(w.output_weight[k]);
    }
    squares += slope * slope;
  }
  // Features that are not numbers, or weights that overflow: as far as can be, so that the frame goes on.
  constexpr double kFarthest = 20;
  const bool known = !std::isnan(output) && std::ranges::all_of(first_, [](float v) { return std::isfinite(v); });
  const double bounded = known ? std::clamp(static_cast<double>(output), -kFarthest, kFarthest) : kFarthest;
  const double raw = static_cast<double>(w.unit) * std::exp(bounded);
  const auto [distance, slope] = calibrated(w.calibration[exit], raw);
  const double change = std::sqrt(squares) * (gate_->state_sensitivity_ + gate_->difference_sensitivity_);
  return {static_cast<float>(distance),
          static_cast<float>(slope * raw * change) + 1e-7F * static_cast<float>(distance)};
}

}  // namespace deer
