# SPDX-License-Identifier: MIT
# Reads floors.txt, then headers (paths relative to include/taper). Reports includes that point up, files without a
# floor and includes that do not spell <taper/...>; writes every include as a pair to EDGES for the cycle check.
FNR == 1 { is_floors = (FILENAME ~ /floors\.txt$/) }
is_floors {
  if ($0 ~ /^#/ || NF == 0) next
  ++floors
  for (i = 1; i <= NF; ++i) {
    floor[$i] = floors
    folder = $i
    sub(/\/.*/, "", folder)
    if ($i ~ /\//) top[folder] = floors
  }
  next
}
function floor_of(path, prefix, found, best) {
  if (path in floor) return floor[path]
  prefix = path
  if (sub(/\.hpp$/, "", prefix) && (prefix in top)) return top[prefix]
  best = 0
  for (prefix in floor)
    if (prefix ~ /\/$/ && index(path, prefix) == 1 && length(prefix) > best) {
      best = length(prefix)
      found = floor[prefix]
    }
  return found + 0
}
FNR == 1 {
  own = FILENAME
  sub(/^\.\//, "", own)
  here = floor_of(own)
  if (!here) print own ": no line of tests/structure/floors.txt covers it"
}
/^[ \t]*#[ \t]*include[ \t]*"/ { print own ":" FNR ": includes are written <taper/...>: " $0 }
/^[ \t]*#[ \t]*include[ \t]*<taper\// {
  target = $0
  sub(/^[^<]*<taper\//, "", target)
  sub(/>.*/, "", target)
  print own, target > EDGES
  there = floor_of(target)
  if (!there) print own ":" FNR ": includes <taper/" target ">, which has no floor"
  else if (there > here) print own ":" FNR ": points up: <taper/" target "> stands on a higher floor"
}
