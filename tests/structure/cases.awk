# SPDX-License-Identifier: MIT
# The public functions of include/taper/ops that no test calls. Arguments: the headers, then the tests.
# A pointwise function (its body calls apply) must stand in a table of op cases; any other in some test.
FNR == 1 {
  header = FILENAME ~ /include\/taper\/ops\//
  hidden = 0
  name = ""
  table = FILENAME ~ /cases\.hpp$|\/(pointwise_[a-z_]*|loss|embedding)_test\.cpp$/
}
header && /^namespace .*(detail|math) \{/ { hidden = 1 }
header && /^\}  \/\/ namespace .*(detail|math)/ { hidden = 0 }
header && FILENAME ~ /\/eager\.hpp$/ { next }  # what the tape alone calls
header && !hidden {
  # A definition starts in the first column: TYPE NAME(...
  if ($0 ~ /^[A-Za-z]/ && $0 !~ /^(template|namespace|struct|class|enum|using|inline constexpr|static_assert|detail::error_|TAPER_)/) {
    name = ""
    head = $0
    if (match(head, /\(/)) {
      head = substr(head, 1, RSTART - 1)
      if (head ~ /[ >&][a-z_0-9]+$/ && head !~ /\./) {
        sub(/^.*[ >&]/, "", head)
        name = head
        lazy = $0 ~ /^(auto|tensor_t<X>) /
        if (!(name in at)) at[name] = FILENAME ":" FNR
      }
    }
  }
  if (name != "" && lazy && $0 ~ /[ (]apply\(/) pointwise[name] = 1
  next
}
!header {
  line = $0
  while (match(line, /[a-z_][a-z_0-9]*(<[^()]*>)?\(/)) {
    call = substr(line, RSTART, RLENGTH - 1)
    line = substr(line, RSTART + RLENGTH)
    sub(/<.*/, "", call)
    called[call] = 1
    if (table) row[call] = 1
  }
}
END {
  for (name in at) {
    if (!(name in called)) print at[name] ": no test calls " name
    else if ((name in pointwise) && !(name in row)) print at[name] ": " name " has no row in tests/ops/cases.hpp or a pointwise test"
  }
}
