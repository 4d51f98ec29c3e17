// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/torch_checkpoint.h"

#include <bit>
#include <limits>

#include "core/base/atomic_file.h"
#include "core/base/crc.h"
#include "core/base/error.h"

namespace deer {
namespace {

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

// Pickle protocol 2, as far as state dictionaries need it.
class Pickle {
 public:
  Pickle() { out_ = "\x80\x02"; }

  std::string finish() { return out_ + '.'; }

  void mark() { out_ += '('; }
  void empty_dictionary() { out_ += '}'; }
  void set_items() { out_ += 'u'; }
  void tuple() { out_ += 't'; }
  void call() { out_ += 'R'; }

  void global(const char* module, const char* name) { out_ += std::string("c") + module + "\n" + name + "\n"; }

  void ordered_dictionary() {
    global("collections", "OrderedDict");
    out_ += ")R";
  }

  void text(const std::string& value) {
    out_ += 'X';
    put(out_, static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }

  void integer(std::int64_t value) {
    if (value == static_cast<std::int32_t>(value)) {
      out_ += 'J';
      put(out_, static_cast<std::uint32_t>(value));
    } else {
      out_ += "\x8a\x08";
      put(out_, static_cast<std::uint64_t>(value));
    }
  }

  void boolean(bool value) { out_ += value ? '\x88' : '\x89'; }

  void real(double value) {
    out_ += 'G';
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) out_ += static_cast<char>((bits >> shift) & 0xFF);
  }

  void integers(at::IntArrayRef values) {
    mark();
    for (const auto value : values) integer(value);
    tuple();
  }

  void tensor(const at::Tensor& tensor, const std::string& key) {
    global("torch._utils", "_rebuild_tensor_v2");
    mark();
    mark();
    text("storage");
    global("torch", tensor.scalar_type() == at::kHalf ? "HalfStorage" : "FloatStorage");
    text(key);
    text("cpu");
    integer(tensor.numel());
    tuple();
    out_ += 'Q';
    integer(0);
    integers(tensor.sizes());
    integers(tensor.strides());
    boolean(false);
    ordered_dictionary();
    tuple();
    call();
  }

 private:
  std::string out_;
};

// Zip without compression (PKWARE APPNOTE 6.3.9), contents aligned to 64 bytes as PyTorch aligns them.
class StoredZip {
 public:
  explicit StoredZip(std::ostream& out) : out_(out) {}

  void add(const std::string& name, std::span<const std::byte> content) {
    if (content.size() >= kNarrow) throw Error("'" + name + "' is too large for this format; use safetensors");
    const auto crc = crc32_ieee(content);
    const auto common = [&](std::string& to, std::size_t extra) {
      constexpr std::uint16_t kVersion = 45;
      constexpr std::uint16_t kFirstOfJanuary1980 = 0x21;
      put(to, kVersion);
      put(to, std::uint16_t{0});
      put(to, std::uint16_t{0});  // stored
      put(to, std::uint16_t{0});
      put(to, kFirstOfJanuary1980);
      put(to, crc);
      put(to, static_cast<std::uint32_t>(content.size()));
      put(to, static_cast<std::uint32_t>(content.size()));
      put(to, static_cast<std::uint16_t>(name.size()));
      put(to, static_cast<std::uint16_t>(extra));
    };
    constexpr std::size_t kHeader = 30;
    constexpr std::size_t kExtraHeader = 4;
    constexpr std::size_t kAlignment = 64;
    const auto before = at_ + kHeader + name.size() + kExtraHeader;
    const auto padding = (kAlignment - before % kAlignment) % kAlignment;
    std::string local;
    put(local, std::uint32_t{0x04034b50});
    common(local, kExtraHeader + padding);
    local += name + "FB";  // PyTorch's name for padding
    put(local, static_cast<std::uint16_t>(padding));
    local.append(padding, 'Z');

    std::string wide;
    if (at_ >= kNarrow) {
      put(wide, std::uint16_t{1});
      put(wide, std::uint16_t{8});
      put(wide, at_);
    }
    put(directory_, std::uint32_t{0x02014b50});
    put(directory_, std::uint16_t{45});
    common(directory_, wide.size());
    directory_.append(10, '\0');  // comment, disk, attributes
    put(directory_, static_cast<std::uint32_t>(std::min<std::uint64_t>(at_, kNarrow)));
    directory_ += name + wide;
    ++count_;

    write(local);
    write({reinterpret_cast<const char*>(content.data()), content.size()});
  }

  void finish() {
    const auto start = at_;
    const std::uint64_t size = directory_.size();
    write(directory_);
    const auto record = at_;
    std::string end;
    if (start >= kNarrow || count_ >= 0xFFFF) {
      put(end, std::uint32_t{0x06064b50});
      put(end, std::uint64_t{44});
      put(end, std::uint16_t{45});
      put(end, std::uint16_t{45});
      put(end, std::uint64_t{0});  // disks
      put(end, count_);
      put(end, count_);
      put(end, size);
      put(end, start);
      put(end, std::uint32_t{0x07064b50});
      put(end, std::uint32_t{0});
      put(end, record);
      put(end, std::uint32_t{1});
    }
    put(end, std::uint32_t{0x06054b50});
    put(end, std::uint32_t{0});
    const auto narrow_count = static_cast<std::uint16_t>(std::min<std::uint64_t>(count_, 0xFFFF));
    put(end, narrow_count);
    put(end, narrow_count);
    put(end, static_cast<std::uint32_t>(std::min<std::uint64_t>(size, kNarrow)));
    put(end, static_cast<std::uint32_t>(std::min<std::uint64_t>(start, kNarrow)));
    put(end, std::uint16_t{0});
    write(end);
  }

 private:
  static constexpr std::uint64_t kNarrow = 0xFFFFFFFF;

  void write(std::string_view bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    at_ += bytes.size();
  }

  std::ostream& out_;
  std::string directory_;
  std::uint64_t at_ = 0;
  std::uint64_t count_ = 0;
};

void put_field(Pickle& pickle, const std::string& name, const Json& value) {
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
  Pickle pickle;
  pickle.empty_dictionary();
  pickle.mark();
  for (const auto& [name, value] : fields.items()) put_field(pickle, name, value);
  pickle.text("model_state_dict");
  pickle.ordered_dictionary();
  pickle.mark();
  for (const auto& [name, tensor] : tensors) {
    const auto type = tensor.scalar_type() == at::kHalf ? at::kHalf : at::kFloat;
    plain.push_back(tensor.detach().to(at::kCPU, type).contiguous());
    pickle.text(name);
    pickle.tensor(plain.back(), std::to_string(plain.size() - 1));
  }
  pickle.set_items();
  pickle.set_items();
  const auto root = pickle.finish();
  const auto folder = path.stem().string() + "/";
  write_file_atomically(path, [&](std::ostream& out) {
    StoredZip zip(out);
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
