// SPDX-License-Identifier: MIT
// How large the parameters of a program's kernels are, as its compiled device code says.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace standin {

/// By kernel: the bytes of each parameter.
using KernelParameters = std::map<std::string, std::vector<std::size_t>>;

template <class T>
T read_as(const std::byte* p) {
  T out;
  std::memcpy(&out, p, sizeof out);
  return out;
}

/// Adds what a section ".nv.info.<kernel>" says: records of a format, an attribute and 16 bits, behind which, in format
/// 4, so many bytes follow. Attributes 0x17 and, for large parameters, 0x45 hold a parameter's place in the list and
/// its size.
inline void read_kernel(const std::byte* p, const std::byte* end, std::vector<std::size_t>& sizes) {
  while (p + 4 <= end) {
    const auto format = read_as<std::uint8_t>(p), attribute = read_as<std::uint8_t>(p + 1);
    const auto bytes = read_as<std::uint16_t>(p + 2);
    p += 4;
    if (format != 4) continue;
    if (attribute == 0x17 || attribute == 0x45) {
      const auto place = read_as<std::uint16_t>(p + 4);
      const auto size = read_as<std::uint32_t>(p + 8);
      if (sizes.size() <= place) sizes.resize(place + 1u);
      sizes[place] = attribute == 0x17 ? size >> 18 : size;
    }
    p += bytes;
  }
}

/// Of all kernels in what __cudaRegisterFatBinary is given: a header of 16 bytes, then parts, each with a header that
/// says its own size and that of the ELF file behind it. What is compressed, or no ELF file, is passed over.
inline void read_parameters(const void* wrapper, KernelParameters& out) {
  const auto* part = read_as<const std::byte*>(static_cast<const std::byte*>(wrapper) + 8);
  const std::byte* const all = part + 16 + read_as<std::uint64_t>(part + 8);
  for (part += 16; part < all;) {
    const std::byte* const file = part + read_as<std::uint32_t>(part + 4);
    part = file + read_as<std::uint64_t>(part + 8);
    if (std::memcmp(file, ELFMAG, SELFMAG) != 0) continue;
    const auto header = read_as<Elf64_Ehdr>(file);
    const auto section = [&](int i) {
      return read_as<Elf64_Shdr>(file + header.e_shoff + static_cast<std::size_t>(i) * header.e_shentsize);
    };
    const std::byte* const names = file + section(header.e_shstrndx).sh_offset;
    for (int i = 0; i < header.e_shnum; ++i) {
      const Elf64_Shdr s = section(i);
      const std::string name = reinterpret_cast<const char*>(names + s.sh_name), prefix = ".nv.info.";
      if (name.compare(0, prefix.size(), prefix) == 0)
        read_kernel(file + s.sh_offset, file + s.sh_offset + s.sh_size, out[name.substr(prefix.size())]);
    }
  }
}

}  // namespace standin
