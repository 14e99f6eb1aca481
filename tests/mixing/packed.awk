# SPDX-License-Identifier: MIT
# objdump -d | awk -f packed.awk: the symbols of functions that hold arithmetic on packs of floats, or fused multiply-adds.
/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); seen = 0 }
!seen && /\t(v?(add|sub|mul|div|sqrt|min|max|rcp|rsqrt|rcp14|rsqrt14|round|rndscale|hadd)p[sd]|vfn?m(add|sub)[0-9a-z]*)[ \t]/ { print name; seen = 1 }
