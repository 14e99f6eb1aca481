# SPDX-License-Identifier: MIT
# objdump -d -C | awk -f instructions.awk: for each function "ymm NAME" and "zmm NAME" where it uses those registers, "beyond NAME"
# where it uses any instruction that baseline x86-64 lacks, and "has NAME". (tzcnt runs everywhere as bsf and is not counted.)
/^[0-9a-f]+ <.*>:$/ { name = substr($0, index($0, "<") + 1); sub(/>:$/, "", name); print "has " name; next }
/%zmm/ { print "zmm " name }
/%ymm/ { print "ymm " name }
/\t(v[a-z]|k(mov|or|and|not|xor|test|unpck|shift)|andn |bextr|bls[ir]|blsmsk|bzhi|mulx|pdep|pext|rorx|s[ah][lr]x|lzcnt|popcnt|movbe)/ {
  print "beyond " name
}
