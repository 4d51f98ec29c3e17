// SPDX-License-Identifier: GPL-3.0-or-later
#include <array>
#include <set>

#include "core/base/pickle.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

constexpr std::array<std::string_view, 5> kAllowed = {"_codecs.encode", "numpy.ndarray", "numpy.dtype",
                                                      "numpy.core.multiarray._reconstruct", "collections.*"};

// Touches every node that can be reached, once.
void visit(const deer::PickleNode& root) {
  std::set<const deer::PickleNode*> seen;
  std::vector<const deer::PickleNode*> open{&root};
  while (!open.empty()) {
    const auto* node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    open.insert(open.end(), node->items.begin(), node->items.end());
    open.insert(open.end(), node->appended.begin(), node->appended.end());
    for (const auto& [key, value] : node->entries) {
      open.push_back(key);
      open.push_back(value);
    }
    open.push_back(node->state);
    node->get("key");
    node->is_call_of("numpy.dtype");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return deer::fuzz::expect_answer(
      [&] { visit(deer::PickleDocument(deer::fuzz::input(data, size), "fuzz", kAllowed).root()); });
}
