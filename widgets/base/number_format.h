// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

namespace deer {

/// Numbers for display: three significant figures, thousands separated by a narrow space,
/// a real minus sign, never an exponent, "nan", "inf" or "-0".

/// "0.0424", "12,300" written with narrow spaces, "−1.50"; "not evaluated" for NaN, "no limit" for infinities.
QString format_number(double value, int significant = 3);
/// Like format_number with a fixed number of decimals, so that a column of values lines up.
QString format_fixed(double value, int decimals);
/// Number and unit with a non-breaking space; only the words if there is no number.
QString format_quantity(double value, const QString& unit, int significant = 3);
/// A whole number with thousands separated.
QString format_count(qint64 value);
/// "1.20 GB"
QString format_bytes(double bytes);
/// "always" from 1e8 up, "never" from -1e8 down, otherwise the number.
QString format_threshold(double threshold);
/// For narrow cells: an en dash instead of words.
QString format_short(double value, int significant = 3);
/// Accepts the output of format_threshold, numbers with a point or the locale's comma, "always", "never". Returns false
/// and leaves `threshold` unchanged for anything else, including infinities and NaN.
bool parse_threshold(const QString& text, double* threshold);
/// Minutes, seconds and tenths: "00:02.4".
QString format_time(double seconds);

/// "exit 3" for index 2; "layer 5" for a layer that is not an exit (index -1, zero-based layer 4).
QString exit_name(int exit_index, int layer);

}  // namespace deer
