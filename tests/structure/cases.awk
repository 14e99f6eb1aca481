# SPDX-License-Identifier: MIT
# The public functions of include/taper/ops that no test of tests/ops calls. Arguments: the headers, then the tests.
# A pointwise function (it returns an expression: auto) must stand in a table of op cases, any other in some test.
function note(name, pointwise, where) {
  if (name in at) return
  at[name] = where
  table[name] = pointwise
}
FNR == 1 { header = FILENAME ~ /include\/taper\/ops\//; hidden = 0; is_table = FILENAME ~ /cases\.hpp$|pointwise_[a-z_]*test\.cpp$/ }
header && /^namespace (detail|[a-z_]+::detail) \{/ { hidden = 1 }
header && /^\}  \/\/ namespace .*detail/ { hidden = 0 }
header && hidden { next }
# A definition starts in the first column: TYPE NAME(.
header && /^[A-Za-z]/ && !/^(template|requires|namespace|struct|class|enum|using|inline constexpr|static_assert|detail::error_|#)/ && !/^TAPER_/ {
  head = $0
  if (!match(head, /\(/)) next
  head = substr(head, 1, RSTART - 1)
  if (head !~ /[ >&][a-z_0-9]+$/) next
  pointwise = head ~ /^auto /
  sub(/^.*[ >&]/, "", head)
  note(head, pointwise, FILENAME ":" FNR)
}
# Functions made by a macro: TAPER_BITWISE(bitwise_and, ...) and the like, named again by the tests below.
!header {
  line = $0
  while (match(line, /[a-z_][a-z_0-9]*\(/)) {
    name = substr(line, RSTART, RLENGTH - 1)
    line = substr(line, RSTART + RLENGTH)
    called[name] = 1
    if (is_table) in_table[name] = 1
  }
}
END {
  for (name in at) {
    if (name == "to_string") continue
    if (!(name in called)) print at[name] ": no test of tests/ops calls " name
    else if (table[name] && !(name in in_table)) print at[name] ": " name " has no row in the tables of op cases (tests/ops/cases.hpp, pointwise_*_test.cpp)"
  }
}
