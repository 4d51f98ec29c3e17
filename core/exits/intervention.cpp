// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/intervention.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <random>
#include <sstream>
#include <string_view>

#include "core/base/error.h"
#include "core/base/number_text.h"

namespace deer {
namespace {

constexpr std::array<std::uint8_t, 3> kClipMean = {123, 117, 104};  // of 255

[[noreturn]] void refuse(const std::string& word, const std::string& expected) {
  throw Error("--intervene '" + printable(word, 200) + "': expected " + expected);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  std::string part;
  while (std::getline(in, part, separator)) out.push_back(part);
  if (text.empty() || text.back() == separator) out.emplace_back();
  return out;
}

CameraName camera_of(const std::string& word, const std::string& name) {
  if (name == "static") return CameraName::static_camera;
  if (name == "gripper") return CameraName::gripper;
  refuse(word, "the camera 'static' or 'gripper', found '" + printable(name, 40) + "'");
}

const char* name_of(CameraName camera) { return camera == CameraName::static_camera ? "static" : "gripper"; }

double number_of(const std::string& word, const std::string& text, double least, double most) {
  const auto value = parse_number(text);
  if (!value || !(*value >= least && *value <= most)) {
    refuse(word, "a number from " + general_text(least, 6) + " to " + general_text(most, 6) + ", found '" +
                     printable(text, 40) + "'");
  }
  return *value;
}

int whole_number_of(const std::string& word, const std::string& text, int most, const char* what) {
  const auto value = parse_number(text);
  if (!value || !(*value >= 0 && *value <= most) || *value != std::floor(*value)) {
    refuse(word, std::string(what) + ", found '" + printable(text, 40) + "'");
  }
  return static_cast<int>(*value);
}

Intervention::Rectangle rectangle_of(const std::string& word, const std::string& text) {
  const auto parts = split(text, ',');
  if (parts.size() != 4) refuse(word, "a rectangle X,Y,WIDTH,HEIGHT in fractions of the picture");
  Intervention::Rectangle out;
  out.x = number_of(word, parts[0], 0, 1);
  out.y = number_of(word, parts[1], 0, 1);
  out.width = number_of(word, parts[2], 0, 1);
  out.height = number_of(word, parts[3], 0, 1);
  constexpr double kRounding = 1e-9;
  if (out.width <= 0 || out.height <= 0 || out.x + out.width > 1 + kRounding || out.y + out.height > 1 + kRounding) {
    refuse(word, "a rectangle that is not empty and lies within the picture: X + WIDTH and Y + HEIGHT at most 1");
  }
  return out;
}

Intervention::Knockout knockout_of(const std::string& word, const std::vector<std::string>& parts) {
  if (parts.size() < 2 || parts.size() > 3) refuse(word, "hide=CAMERA:LAYERS or hide=CAMERA:LAYERS:HEAD");
  constexpr int kMost = 1000;
  constexpr const char* kLayers = "a layer, from 0, or FIRST-LAST, as in 3 or 0-5";
  Intervention::Knockout out;
  out.camera = camera_of(word, parts[0]);
  const auto dash = parts[1].find('-');
  out.first_layer = whole_number_of(word, parts[1].substr(0, dash), kMost, kLayers);
  out.last_layer =
      dash == std::string::npos ? out.first_layer : whole_number_of(word, parts[1].substr(dash + 1), kMost, kLayers);
  if (out.last_layer < out.first_layer) refuse(word, "the first layer before the last");
  if (parts.size() == 3) out.head = whole_number_of(word, parts[2], kMost, "a head, from 0");
  return out;
}

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || (c & 0x80) != 0; }

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Leaves one blank where the word and the blanks around it were.
std::string remove_word(const std::string& text, const std::string& word) {
  std::string out = text;
  const auto wanted = lower(word);
  for (std::size_t at = 0; (at = lower(out).find(wanted, at)) != std::string::npos;) {
    const auto end = at + word.size();
    const bool whole = (at == 0 || !is_letter(out[at - 1])) && (end == out.size() || !is_letter(out[end]));
    if (!whole) {
      ++at;
      continue;
    }
    out.erase(at, word.size());
    if (at < out.size() && out[at] == ' ' && (at == 0 || out[at - 1] == ' ')) out.erase(at, 1);
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

void paint(Image& image, const Intervention::Rectangle& r) {
  const auto edge = [](double fraction, int size) {
    return std::clamp(static_cast<int>(std::lround(fraction * size)), 0, size);
  };
  const int left = edge(r.x, image.width), right = edge(r.x + r.width, image.width);
  const int top = edge(r.y, image.height), bottom = edge(r.y + r.height, image.height);
  for (int row = top; row < bottom; ++row) {
    for (int column = left; column < right; ++column) {
      const auto at = 3 * (static_cast<std::size_t>(row) * static_cast<std::size_t>(image.width) +
                           static_cast<std::size_t>(column));
      std::ranges::copy(kClipMean, image.rgb.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
}

void add_noise(Image& image, const Intervention::Noise& noise, std::int64_t frame) {
  std::mt19937_64 generator(noise.seed * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(frame));
  std::normal_distribution<double> draw(0, noise.deviation);
  for (auto& value : image.rgb) {
    value = static_cast<std::uint8_t>(std::clamp(std::lround(value + draw(generator)), 0L, 255L));
  }
}

}  // namespace

Intervention parse_intervention(std::span<const std::string> words) {
  Intervention out;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    const auto what = word.substr(0, equals);
    const auto value = equals == std::string::npos ? std::string() : word.substr(equals + 1);
    const auto parts = split(value, ':');
    if (equals == std::string::npos) {
      refuse(word, "instruction=TEXT, without=WORD, cover=…, noise=… or hide=…");
    } else if ((what == "instruction" || what == "without") && value.find_first_not_of(' ') == std::string::npos) {
      refuse(word, what == "without" ? "a word after 'without='" : "a text after 'instruction='");
    } else if (what == "instruction") {
      out.instruction = value;
    } else if (what == "without") {
      out.without_word = value;
    } else if (what == "cover") {
      if (parts.size() > 2) refuse(word, "cover=CAMERA or cover=CAMERA:X,Y,WIDTH,HEIGHT");
      Intervention::Cover cover{camera_of(word, parts[0]), {}};
      if (parts.size() == 2) cover.rectangle = rectangle_of(word, parts[1]);
      out.covers.push_back(cover);
    } else if (what == "noise") {
      if (parts.size() < 2 || parts.size() > 3) refuse(word, "noise=CAMERA:DEVIATION or noise=CAMERA:DEVIATION:SEED");
      Intervention::Noise noise{camera_of(word, parts[0]), number_of(word, parts[1], 0, 255), 0};
      if (noise.deviation <= 0) refuse(word, "a deviation above 0");
      if (parts.size() == 3)
        noise.seed =
            static_cast<std::uint64_t>(whole_number_of(word, parts[2], 1'000'000'000, "a seed, a whole number"));
      out.noises.push_back(noise);
    } else if (what == "hide") {
      out.knockouts.push_back(knockout_of(word, parts));
    } else {
      refuse(word, "instruction=TEXT, without=WORD, cover=…, noise=… or hide=…");
    }
  }
  return out;
}

std::vector<std::string> to_words(const Intervention& intervention) {
  std::vector<std::string> out;
  if (intervention.instruction) out.push_back("instruction=" + *intervention.instruction);
  if (!intervention.without_word.empty()) out.push_back("without=" + intervention.without_word);
  for (const auto& cover : intervention.covers) {
    auto word = std::string("cover=") + name_of(cover.camera);
    const auto& r = cover.rectangle;
    if (r != Intervention::Rectangle()) {
      word += ':' + shortest_text(r.x) + ',' + shortest_text(r.y) + ',' + shortest_text(r.width) + ',' +
              shortest_text(r.height);
    }
    out.push_back(word);
  }
  for (const auto& noise : intervention.noises) {
    out.push_back(std::string("noise=") + name_of(noise.camera) + ':' + shortest_text(noise.deviation) +
                  (noise.seed != 0 ? ':' + std::to_string(noise.seed) : std::string()));
  }
  for (const auto& hidden : intervention.knockouts) {
    auto word = std::string("hide=") + name_of(hidden.camera) + ':' + std::to_string(hidden.first_layer);
    if (hidden.last_layer != hidden.first_layer) word += '-' + std::to_string(hidden.last_layer);
    if (hidden.head) word += ':' + std::to_string(*hidden.head);
    out.push_back(word);
  }
  return out;
}

std::string describe(const Intervention& intervention, std::int64_t first_number) {
  std::vector<std::string> parts;
  if (intervention.instruction) parts.push_back("“" + *intervention.instruction + "”");
  if (!intervention.without_word.empty()) parts.push_back("without “" + intervention.without_word + "”");
  for (const auto& cover : intervention.covers) {
    const bool whole = cover.rectangle == Intervention::Rectangle();
    parts.push_back(std::string(name_of(cover.camera)) + " camera " + (whole ? "covered" : "partly covered"));
  }
  for (const auto& noise : intervention.noises) {
    parts.push_back("noise " + general_text(noise.deviation, 3) + " in the " + name_of(noise.camera) + " camera");
  }
  for (const auto& hidden : intervention.knockouts) {
    auto layers = std::to_string(hidden.first_layer + first_number);
    if (hidden.last_layer != hidden.first_layer) layers += " to " + std::to_string(hidden.last_layer + first_number);
    const bool several = hidden.last_layer != hidden.first_layer;
    parts.push_back(std::string(name_of(hidden.camera)) + " camera hidden in layer" + (several ? "s " : " ") + layers +
                    (hidden.head ? ", head " + std::to_string(*hidden.head + first_number) : std::string()));
  }
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

FrameInput apply(const Intervention& intervention, const FrameInput& input) {
  FrameInput out = input;
  if (intervention.instruction) out.instruction = *intervention.instruction;
  if (!intervention.without_word.empty()) out.instruction = remove_word(out.instruction, intervention.without_word);
  const auto change = [&](CameraName camera, const auto& edit) {
    auto& picture = camera == CameraName::static_camera ? out.rgb_static : out.rgb_gripper;
    if (!picture) {
      throw Error("frame " + std::to_string(input.frame) + " has no picture of the " + name_of(camera) +
                  " camera to change");
    }
    auto changed = std::make_shared<Image>(*picture);
    edit(*changed);
    picture = std::move(changed);
  };
  for (const auto& noise : intervention.noises) {
    change(noise.camera, [&](Image& image) { add_noise(image, noise, input.frame); });
  }
  for (const auto& cover : intervention.covers) {
    change(cover.camera, [&](Image& image) { paint(image, cover.rectangle); });
  }
  return out;
}

}  // namespace deer
