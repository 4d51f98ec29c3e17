// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/model_config.h"
#include "core/model/weights/tensor_archive.h"

namespace deer {

/// Source of a model's tensors, under the names of the merged model
/// ("perceiver.latents", "lang_encoder.transformer.blocks.3.decoder_layer.attn.Wqkv.weight", …).
/// Reads lazily: only requested tensors are read. Immutable, thread-safe.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  /// The tensor on the CPU in its stored dtype; empty if no file has it.
  virtual std::optional<at::Tensor> find(const std::string& name) const = 0;

  /// Stored shape, or empty; does not read the data.
  virtual std::optional<std::vector<std::int64_t>> shape(const std::string& name) const = 0;

  /// All names.
  virtual std::set<std::string> names() const = 0;

  /// For messages: the file, or the folder with the published files.
  virtual const std::filesystem::path& path() const = 0;
};

/// A file (or shards) that already has the merged names.
std::shared_ptr<const WeightSource> whole_model_source(std::shared_ptr<const TensorArchive> archive);

/// The four published files. Later ones override earlier ones.
struct PublishedPieces {
  std::filesystem::path clip;                              ///< OpenAI's TorchScript archive or an open_clip state dict
  std::filesystem::path llm;                               ///< folder or file of the MPT weights
  std::filesystem::path flamingo;                          ///< OpenFlamingo's checkpoint.pt
  std::filesystem::path checkpoint;                        ///< saved by DeeR's training (.pth)
  std::vector<std::filesystem::path> other_checkpoints{};  ///< found beside it, of earlier epochs
};

/// Finds the published files in a folder laid out like the reference's (clip.pt, mpt/, openflamingo.pt, model.pth), or
/// below it under any name, by what they hold: as they are downloaded, or in a Hugging Face cache. Of several
/// checkpoints the one of the latest epoch. Empty unless all four are there.
std::optional<PublishedPieces> find_published_pieces(const std::filesystem::path& folder);

/// The published files under the merged names. `vocabulary` truncates the embedding table.
std::shared_ptr<const WeightSource> published_source(const PublishedPieces& pieces, std::int64_t vocabulary);

/// Sizes without a config.json: from the published configs, the checkpoint's fields and file name (as the reference's
/// evaluation reads them), and tensor shapes. Options that a checkpoint lost, as in a bare state dict, are taken from
/// its tensors' names, and `note` then says so. Throws FileError.
ModelConfig config_from_pieces(const PublishedPieces& pieces, std::string* note = nullptr);

/// Sizes of a CLIP file's image tower, from its tensors' shapes; heads by CLIP's rule, width / 64.
VisionConfig vision_config_of(const TensorArchive& clip);

/// Options in a checkpoint's file name, by substring, as the reference's evaluation script reads them.
struct CheckpointName {
  std::string llm_name;        ///< first of mpt_3b, mpt_4b, mpt_9b, mpt_dolly_3b, mpt_base_4b; or empty
  std::optional<int> rgb_pad;  ///< aug_<a>_<b>: image shift in training, pixels
  std::optional<int> gripper_pad;
  std::optional<int> window_size;        ///< ws_<n> or difws_<a>_<b>
  std::vector<std::string> unsupported;  ///< options in the name that this program refuses
};
CheckpointName parse_checkpoint_name(const std::string& path);

/// Collects the parameters of a network while it is built, converts them to device and dtype, and
/// reports all mismatches together.
class WeightBinder {
 public:
  WeightBinder(const WeightSource& source, at::Device device, at::ScalarType dtype)
      : source_(source), device_(device), dtype_(dtype) {}

  /// A parameter of this shape; undefined if it is missing or has the wrong shape, which finish() reports.
  at::Tensor take(const std::string& name, std::vector<std::int64_t> shape) {
    return take(name, std::move(shape), dtype_);
  }
  at::Tensor take(const std::string& name, std::vector<std::int64_t> shape, at::ScalarType dtype);

  /// True if the source has it.
  bool offers(const std::string& name) const { return source_.shape(name).has_value(); }

  /// Stored shape, empty if the source lacks it: for sizes that are not in the configuration.
  std::vector<std::int64_t> shape_of(const std::string& name) const {
    return source_.shape(name).value_or(std::vector<std::int64_t>{});
  }

  /// Creates parameters that the source lacks, for a new network. May be empty.
  std::function<at::Tensor(const std::string& name, const std::vector<std::int64_t>& shape)> make_missing;

  /// Called after each parameter with its name; may throw Cancelled.
  std::function<void(const std::string&)> on_parameter;

  /// Throws FileError that lists missing parameters and those with the wrong shape, if there are any, and unused
  /// tensors, except names for which `is_surplus` is true.
  void finish(const std::function<bool(const std::string&)>& is_surplus = {}) const;

  /// Names that the network did not use.
  std::vector<std::string> unused() const;

  std::int64_t parameters() const { return parameters_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  const WeightSource& source_;
  at::Device device_;
  at::ScalarType dtype_;
  std::set<std::string> taken_;
  std::vector<std::string> missing_;
  std::vector<std::string> misshapen_;
  std::int64_t parameters_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace deer
