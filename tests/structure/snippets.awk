# SPDX-License-Identifier: MIT
# Every ```cpp block of a Markdown file is cut from a file that the build compiles: the line before the block says which
# (<!-- from examples/x.cpp -->), and the block's lines stand in it one after another, whatever their indentation.
function trim(line) {
  gsub(/^[ \t]+|[ \t]+$/, "", line)
  return line
}
function read_source(path, text, line) {
  if (path in sources) return
  text = "\n"
  while ((getline line < path) > 0) text = text trim(line) "\n"
  close(path)
  sources[path] = text
}
FNR == 1 { source = ""; inside = 0 }
/^<!-- from .* -->$/ {
  source = $0
  sub(/^<!-- from /, "", source)
  sub(/ -->$/, "", source)
  next
}
/^```cpp/ {
  inside = 1
  start = FNR
  block = "\n"
  next
}
/^```/ && inside {
  inside = 0
  if (source == "") {
    print FILENAME ":" start ": a code block without <!-- from FILE --> on the line before it"
  } else {
    read_source(source)
    if (sources[source] == "\n") print FILENAME ":" start ": " source " is missing or empty"
    else if (index(sources[source], block) == 0) print FILENAME ":" start ": this code does not stand in " source
  }
  source = ""
  next
}
inside { block = block trim($0) "\n"; next }
NF { source = "" }
