// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "core/base/mapped_file.h"
#include "core/base/zip_archive.h"
#include "core/model/weights/tensor_archive.h"

namespace deer {

// The formats behind TensorArchive::open, one file each.
std::shared_ptr<const TensorArchive> open_safetensors(std::shared_ptr<const MappedFile> file);
std::shared_ptr<const TensorArchive> open_torch_zip(ZipArchive zip);

/// A tensor over `bytes` of a mapped file, which it keeps alive. `offset` and `strides` are in elements and checked by
/// the caller. Copies only if the address is misaligned.
at::Tensor tensor_over_mapping(const std::shared_ptr<const MappedFile>& file, std::span<const std::byte> bytes,
                               at::ScalarType dtype, const std::vector<std::int64_t>& shape,
                               const std::vector<std::int64_t>& strides, std::int64_t offset);

/// Row-major strides of `shape`.
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape);

/// Number of elements of `shape`, or -1 if a size is negative or the product overflows.
std::int64_t checked_element_count(const std::vector<std::int64_t>& shape);

}  // namespace deer
