// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/trace/describe_model.h"

#include <ctime>

#include "core/base/version.h"

namespace deer {
namespace {

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

TraceMetadata describe_model(const ModelSummary& model) {
  TraceMetadata m;
  m.model_path = std::filesystem::absolute(model.path).lexically_normal().string();
  m.model_name = model.name;
  m.family = model.family;
  m.exit_layers = model.exit_layers;
  m.layers = model.layers;
  m.d_model = model.d_model;
  m.layout = model.layout;
  m.device = model.device;
  m.dtype = model.dtype;
  m.versions = {{"deer", kVersion}};
  m.created = now();
  return m;
}

ModelSummary recorded_model(const TraceMetadata& m) {
  ModelSummary out;
  out.name = m.model_name;
  out.path = m.model_path;
  out.family = m.family;
  out.exit_layers = m.exit_layers;
  out.layers = m.layers;
  out.d_model = m.d_model;
  out.layout = m.layout;
  out.device = m.device;
  out.dtype = m.dtype;
  return out;
}

}  // namespace deer
