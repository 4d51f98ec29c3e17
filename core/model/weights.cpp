// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/weights.h"

#include <sstream>

#include "core/base/error.h"

namespace deer {
namespace {

class WholeModelSource final : public WeightSource {
 public:
  explicit WholeModelSource(std::shared_ptr<const TensorArchive> archive) : archive_(std::move(archive)) {}

  std::optional<at::Tensor> find(const std::string& name) const override {
    if (!archive_->contains(name)) return std::nullopt;
    return archive_->read(name);
  }
  std::optional<std::vector<std::int64_t>> shape(const std::string& name) const override {
    const auto it = archive_->entries().find(name);
    if (it == archive_->entries().end()) return std::nullopt;
    return it->second.shape;
  }
  std::set<std::string> names() const override {
    std::set<std::string> out;
    for (const auto& [name, entry] : archive_->entries()) out.insert(name);
    return out;
  }
  const std::filesystem::path& path() const override { return archive_->path(); }

 private:
  std::shared_ptr<const TensorArchive> archive_;
};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::ostringstream out;
  out << '[';
  for (std::size_t i = 0; i < shape.size(); ++i) out << (i ? ", " : "") << shape[i];
  out << ']';
  return out.str();
}

std::string listing(const char* title, const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 20;
  std::string out = std::to_string(names.size()) + " " + title + ": ";
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) out += (i ? ", " : "") + printable(names[i], 160);
  if (names.size() > kShown) out += ", and " + std::to_string(names.size() - kShown) + " more";
  return out;
}

}  // namespace

std::shared_ptr<const WeightSource> whole_model_source(std::shared_ptr<const TensorArchive> archive) {
  return std::make_shared<WholeModelSource>(std::move(archive));
}

at::Tensor WeightBinder::take(const std::string& name, std::vector<std::int64_t> shape, at::ScalarType dtype) {
  const auto found = source_.shape(name);
  if (!found && make_missing) {
    auto tensor = make_missing(name, shape).to(device_, dtype);
    parameters_ += tensor.numel();
    bytes_ += tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
    return tensor;
  }
  if (!found) {
    missing_.push_back(name);
    return {};
  }
  taken_.insert(name);
  if (*found != shape) {
    misshapen_.push_back(name + " is " + shape_text(*found) + ", expected " + shape_text(shape));
    return {};
  }
  if (on_parameter) on_parameter(name);
  auto tensor = *source_.find(name);
  if (!at::isFloatingType(tensor.scalar_type())) {
    misshapen_.push_back(name + " holds " + c10::toString(tensor.scalar_type()) + ", expected floating-point numbers");
    return {};
  }
  // Same device and dtype: stays a view of the mapped file, read page by page when first used.
  tensor = tensor.to(device_, dtype).contiguous();
  parameters_ += tensor.numel();
  bytes_ += tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
  return tensor;
}

void WeightBinder::finish(const std::function<bool(const std::string&)>& is_surplus) const {
  if (missing_.empty() && misshapen_.empty()) return;
  std::string problem = "the weights do not match the model's configuration; ";
  if (!missing_.empty()) problem += listing("missing", missing_);
  if (!missing_.empty() && !misshapen_.empty()) problem += "; ";
  if (!misshapen_.empty()) problem += listing("with the wrong shape", misshapen_);
  auto extra = unused();
  if (is_surplus) std::erase_if(extra, is_surplus);
  if (!extra.empty()) problem += "; " + listing("unused", extra);
  throw FileError(source_.path(), problem);
}

std::vector<std::string> WeightBinder::unused() const {
  std::vector<std::string> out;
  for (const auto& name : source_.names()) {
    if (!taken_.contains(name)) out.push_back(name);
  }
  return out;
}

}  // namespace deer
