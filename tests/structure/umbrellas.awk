# SPDX-License-Identifier: MIT
# Reads exceptions.txt, then headers (paths relative to include/taper). Reports a folder without an umbrella, a header
# that its folder's umbrella does not reach, and an umbrella that taper.hpp does not reach.
FNR == 1 { is_exceptions = (FILENAME ~ /exceptions\.txt$/) }
is_exceptions {
  if ($1 == "outside") outside[$2] = 1
  next
}
FNR == 1 {
  own = FILENAME
  sub(/^\.\//, "", own)
  header[own] = 1
  if (own ~ /\//) {
    folder = own
    sub(/\/.*/, "", folder)
    folders[folder] = 1
  }
}
/^[ \t]*#[ \t]*include[ \t]*<taper\// {
  target = $0
  sub(/^[^<]*<taper\//, "", target)
  sub(/>.*/, "", target)
  includes[own, ++count[own]] = target
}
# Named in exceptions.txt, or in a folder that is.
function is_outside(path, prefix) {
  if (path in outside) return 1
  for (prefix in outside)
    if (prefix ~ /\/$/ && index(path, prefix) == 1) return 1
  return 0
}
function reach(from, path, i) {
  if ((from, path) in reached) return
  reached[from, path] = 1
  for (i = 1; i <= count[path]; ++i) reach(from, includes[path, i])
}
END {
  reach("taper.hpp", "taper.hpp")
  for (folder in folders) {
    umbrella = folder ".hpp"
    if (is_outside(umbrella)) continue
    if (!(umbrella in header)) {
      for (path in header)
        if (index(path, folder "/") == 1 && !is_outside(path)) {
          print folder "/ has no umbrella taper/" umbrella
          break
        }
      continue
    }
    if (!(("taper.hpp", umbrella) in reached)) print "taper.hpp does not include " umbrella
    reach(umbrella, umbrella)
    for (path in header) {
      if (index(path, folder "/") != 1) continue
      if (is_outside(path)) {
        if ((umbrella, path) in reached) print umbrella " reaches " path ", which needs a library to link with"
      } else if (!((umbrella, path) in reached)) {
        print umbrella " does not reach " path
      }
    }
  }
}
