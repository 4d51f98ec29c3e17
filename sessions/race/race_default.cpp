// SPDX-License-Identifier: GPL-3.0-or-later
// Apart from race.cpp, so that what brings its own engine links without the real one.
#include "sessions/race/race.h"

namespace deer {

Race::Race(QObject* parent) : Race(EngineFactory(&Engine::load), parent) {}

}  // namespace deer
