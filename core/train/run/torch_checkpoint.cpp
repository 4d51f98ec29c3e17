// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/torch_checkpoint.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/pickle_writer.h"
#include "core/base/zip_writer.h"

namespace deer {
namespace {

void ordered_dictionary(PickleWriter& pickle) {
  pickle.global("collections", "OrderedDict");
  pickle.empty_tuple();
  pickle.call();
}

void integers(PickleWriter& pickle, at::IntArrayRef values) {
  pickle.begin();
  for (const auto value : values) pickle.integer(value);
  pickle.end_tuple();
}

// As torch._utils._rebuild_tensor_v2 takes it; the numbers are in the member `key`.
void put_tensor(PickleWriter& pickle, const at::Tensor& tensor, const std::string& key) {
  pickle.global("torch._utils", "_rebuild_tensor_v2");
  pickle.begin();
  pickle.begin();
  pickle.text("storage");
  pickle.global("torch", tensor.scalar_type() == at::kHalf ? "HalfStorage" : "FloatStorage");
  pickle.text(key);
  pickle.text("cpu");
  pickle.integer(tensor.numel());
  pickle.end_tuple();
  pickle.persistent();
  pickle.integer(0);
  integers(pickle, tensor.sizes());
  integers(pickle, tensor.strides());
  pickle.boolean(false);
  ordered_dictionary(pickle);
  pickle.end_tuple();
  pickle.call();
}

void put_field(PickleWriter& pickle, const std::string& name, const Json& value) {
  pickle.text(name);
  if (value.is_boolean()) {
    pickle.boolean(value.get<bool>());
  } else if (value.is_number_integer()) {
    pickle.integer(value.get<std::int64_t>());
  } else if (value.is_number()) {
    pickle.real(value.get<double>());
  } else if (value.is_string()) {
    pickle.text(value.get<std::string>());
  } else {
    throw Error("checkpoint field '" + name + "' is neither a number nor text");
  }
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

void write_torch_checkpoint(const std::filesystem::path& path, const Json& fields, const ParameterMap& tensors) {
  std::vector<at::Tensor> plain;
  PickleWriter pickle;
  pickle.empty_dict();
  pickle.begin();
  for (const auto& [name, value] : fields.items()) put_field(pickle, name, value);
  pickle.text("model_state_dict");
  ordered_dictionary(pickle);
  pickle.begin();
  for (const auto& [name, tensor] : tensors) {
    const auto type = tensor.scalar_type() == at::kHalf ? at::kHalf : at::kFloat;
    plain.push_back(tensor.detach().to(at::kCPU, type).contiguous());
    pickle.text(name);
    put_tensor(pickle, plain.back(), std::to_string(plain.size() - 1));
  }
  pickle.set_items();
  pickle.set_items();
  const auto root = pickle.finish(2);
  const auto folder = path.stem().string() + "/";
  write_file_atomically(path, [&](std::ostream& out) {
    ZipWriter zip(out);
    zip.add(folder + "data.pkl", bytes_of(root));
    for (std::size_t i = 0; i < plain.size(); ++i) {
      zip.add(folder + "data/" + std::to_string(i),
              {static_cast<const std::byte*>(plain[i].data_ptr()), plain[i].nbytes()});
    }
    zip.add(folder + "version", bytes_of("3\n"));
    zip.finish();
  });
}

void save_reference_checkpoint(const std::filesystem::path& path, const TrainableModel& model,
                               const ParameterMap& average, std::int64_t epoch) {
  ParameterMap tensors;
  for (const auto& [name, parameter] : model.parameters()) {
    if (name.starts_with("vision_encoder.")) continue;
    const auto it = average.find(name);
    tensors["module." + name] = it == average.end() ? parameter : it->second;
  }
  const auto& config = model.config();
  // Derived from config.json, so that the two cannot disagree.
  const Json sizes = to_json(config);
  const auto& head = sizes.at("head");
  Json fields = {{"epoch", epoch},
                 {"early_exit_layer", sizes.at("early_exit_layer")},
                 {"multi_exit", config.multi_exit},
                 {"share_exit", false},
                 {"exit_interval", config.exit_interval},
                 {"precision", "fp32"},
                 {"head_type", head.at("type")}};
  for (const char* key : {"exit_dropout", "lstm_dropout", "dropout_mode", "mlp_layernorm", "lstm_layernorm",
                          "mlp_num_hidden_layers", "lstm_num_layers", "pooling"}) {
    fields[key] = head.at(key);
  }
  write_torch_checkpoint(path, fields, tensors);
}

}  // namespace deer
