// SPDX-License-Identifier: MIT
// The name of a field, read from the compiler's spelling of its address or of a pointer to member.
#pragma once

#include <taper/config.hpp>

#include <cstddef>
#include <string_view>

namespace taper::inline TAPER_CODE::detail {

// "... [with auto Entity = FieldAddress{((const void*)(& unconstructed<Net>.Unconstructed<Net>::object.Net::conv))}]",
// "... [Entity = FieldAddress{&unconstructed.object.conv}]", "... [with auto Entity = &Net::conv]": the name comes last.
// (nvcc's device pass, which runs none of this, spells an offset instead.) The result type is deduced, because g++ would
// append what a typedef in the signature stands for.
template <auto Entity>
consteval auto last_name() {
  constexpr auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<signed char>(c) < 0;
  };
  const char* const text = __PRETTY_FUNCTION__;
  std::size_t end = sizeof __PRETTY_FUNCTION__ - 1;
  while (!in_name(text[end - 1])) --end;
  std::size_t begin = end;
  while (in_name(text[begin - 1])) --begin;
  return std::string_view(text + begin, end - begin);
}

}  // namespace taper::inline TAPER_CODE::detail
