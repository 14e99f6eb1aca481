// SPDX-License-Identifier: MIT
// A mistake, the error it must raise, and the words that must stand in the error's text.
#pragma once

#include <string>

#include "tests/support/catch.hpp"

#include <taper/core/error.hpp>

/// Checks that f() throws exactly an E whose text begins with "[op] " and holds every part.
template <class E, class F, class... Parts>
void mistake(const std::string& op, F&& f, const Parts&... parts) {
  std::string text = "no error";
  bool right_type = false;
  try {
    f();
  } catch (const E& error) {
    text = error.what();
    right_type = typeid(error) == typeid(E);
  } catch (const std::exception& error) {
    text = std::string("another error: ") + error.what();
  }
  INFO(text);
  CHECK(right_type);
  CHECK(text.substr(0, op.size() + 3) == "[" + op + "] ");
  for (const std::string& part : {std::string(parts)...}) {
    INFO("which must hold: " << part);
    CHECK(text.find(part) != text.npos);
  }
}
