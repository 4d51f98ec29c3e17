// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/vision_tower_pass.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <type_traits>

#include "core/model/torch_compat.h"
#include "core/train/vision/vision_tower.h"
#ifdef DEER_HAVE_VISION_KERNELS
#include "core/train/vision/vision_kernels.h"
#endif

namespace deer {
namespace {

#ifdef DEER_HAVE_VISION_KERNELS

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename T>
const T* numbers(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.data_ptr());
}

template <typename T>
T* writable(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Calls `f` with a number of the kernel type for `tensor`.
template <typename F>
void by_type(const at::Tensor& tensor, F&& f) {
  if (tensor.scalar_type() == at::kBFloat16) {
    f(std::uint16_t{});
  } else {
    f(float{});
  }
}

class FusedGelu : public torch::autograd::Function<FusedGelu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const auto in = x.contiguous();
    context->save_for_backward({in});
    auto out = at::empty_like(in);
    by_type(in, [&](auto type) {
      using T = decltype(type);
      quick_gelu_forward(numbers<T>(in), in.numel(), writable<T>(out));
    });
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto in = context->get_saved_variables()[0];
    const auto gradient = gradients[0].contiguous();
    auto out = at::empty_like(in);
    by_type(in, [&](auto type) {
      using T = decltype(type);
      quick_gelu_backward(numbers<T>(in), numbers<T>(gradient), in.numel(), writable<T>(out));
    });
    return {out};
  }
};

class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, std::int64_t heads) {
    const auto qkv = x.contiguous();
    const auto shape = shape_of(qkv, heads);
    auto out = at::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.options());
    auto shares = at::empty({qkv.size(0), shape.shares()}, at::kFloat);
    by_type(qkv, [&](auto type) {
      using T = decltype(type);
      each_image(qkv, shape, [&](std::int64_t image, float* scratch) {
        attention_forward(numbers<T>(qkv) + image * 3 * step(shape), shape, writable<T>(out) + image * step(shape),
                          writable<float>(shares) + image * shape.shares(), scratch);
      });
    });
    context->save_for_backward({qkv, shares});
    context->saved_data["heads"] = heads;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& qkv = saved[0];
    const auto& shares = saved[1];
    const auto shape = shape_of(qkv, context->saved_data["heads"].toInt());
    const auto gradient = gradients[0].contiguous();
    auto out = at::empty_like(qkv);
    by_type(qkv, [&](auto type) {
      using T = decltype(type);
      each_image(qkv, shape, [&](std::int64_t image, float* scratch) {
        attention_backward(numbers<T>(qkv) + image * 3 * step(shape), numbers<float>(shares) + image * shape.shares(),
                           numbers<T>(gradient) + image * step(shape), shape,
                           writable<T>(out) + image * 3 * step(shape), scratch);
      });
    });
    return {out, at::Tensor()};
  }

 private:
  static AttentionShape shape_of(const at::Tensor& qkv, std::int64_t heads) {
    return {static_cast<int>(qkv.size(1)), static_cast<int>(qkv.size(2) / (3 * heads)), static_cast<int>(heads)};
  }

  static std::int64_t step(const AttentionShape& shape) {
    return static_cast<std::int64_t>(shape.length) * shape.width();
  }

  static void each_image(const at::Tensor& qkv, const AttentionShape& shape,
                         const std::function<void(std::int64_t, float*)>& work) {
    at::parallel_for(0, qkv.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> scratch(static_cast<std::size_t>(shape.scratch()));
      for (auto image = begin; image < end; ++image) work(image, scratch.data());
    });
  }
};

bool fits_kernels(const VisionConfig& config, const at::Tensor& x) {
  static const bool has = cpu_has_vision_kernels();
  return has && x.device().is_cpu() && (config.width / config.heads) % 8 == 0;
}

#endif

at::Tensor self_attention(const VisionConfig& config, const at::Tensor& qkv) {
#ifdef DEER_HAVE_VISION_KERNELS
  if (fits_kernels(config, qkv)) return FusedAttention::apply(qkv, config.heads);
#endif
  const auto parts = qkv.chunk(3, -1);
  const double scale = 1.0 / std::sqrt(static_cast<double>(config.width / config.heads));
  return merge_heads(attention(split_heads(parts[0], config.heads), split_heads(parts[1], config.heads),
                               split_heads(parts[2], config.heads), scale));
}

at::Tensor activation(const VisionConfig& config, const at::Tensor& x) {
  if (!config.quick_gelu) return at::gelu(x);
#ifdef DEER_HAVE_VISION_KERNELS
  if (fits_kernels(config, x)) return FusedGelu::apply(x);
#endif
  return x * at::sigmoid(1.702 * x);
}

// [N, 3, S, S] to [N, patches, 3 * patch * patch], in the order of conv1's weights.
at::Tensor cut_patches(const at::Tensor& images, std::int64_t patch) {
  const auto side = images.size(2) / patch;
  return images.view({images.size(0), 3, side, patch, side, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({images.size(0), side * side, 3 * patch * patch});
}

}  // namespace

at::Tensor tower_tokens(const VisionConfig& config, const std::map<std::string, at::Tensor>& parameters,
                        const std::map<std::string, at::Tensor>& matrices, const at::Tensor& images) {
  const auto get = [&](const std::string& name) -> const at::Tensor& { return parameters.at(kVisionPrefix + name); };
  const auto matrix = [&](const std::string& name) -> const at::Tensor& { return matrices.at(kVisionPrefix + name); };
  const auto dtype = matrix("conv1.weight").scalar_type();
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    return layer_norm(x, get(name + ".weight"), get(name + ".bias"));
  };
  const auto linear = [&](const at::Tensor& x, const std::string& weight, const std::string& bias) {
    return at::linear(x.to(dtype), matrix(weight), matrix(bias));
  };

  const auto count = images.size(0);
  const auto patches = cut_patches(images.to(dtype), config.patch_size);
  auto x = at::linear(patches, matrix("conv1.weight").view({config.width, -1})).to(at::kFloat);
  const auto class_token = get("class_embedding").view({1, 1, -1}).expand({count, 1, config.width});
  x = norm(at::cat({class_token, x}, 1) + get("positional_embedding"), "ln_pre");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const auto block = "transformer.resblocks." + std::to_string(i) + ".";
    const auto qkv = linear(norm(x, block + "ln_1"), block + "attn.in_proj_weight", block + "attn.in_proj_bias");
    const auto mixed = self_attention(config, qkv);
    x = x + linear(mixed, block + "attn.out_proj.weight", block + "attn.out_proj.bias").to(at::kFloat);
    const auto hidden = linear(norm(x, block + "ln_2"), block + "mlp.c_fc.weight", block + "mlp.c_fc.bias");
    const auto active = activation(config, hidden);
    x = x + linear(active, block + "mlp.c_proj.weight", block + "mlp.c_proj.bias").to(at::kFloat);
  }
  return x.slice(1, 1);
}

}  // namespace deer
