// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text_lines.h"

#include <fstream>

namespace deer {

void read_complete_lines(const std::filesystem::path& file, const std::function<bool(const std::string& line)>& take) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line) && !in.eof()) {
    if (!take(line)) return;
  }
}

}  // namespace deer
