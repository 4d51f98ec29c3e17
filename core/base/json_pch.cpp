// SPDX-License-Identifier: GPL-3.0-or-later
// Only here so that its precompiled header can be shared.
