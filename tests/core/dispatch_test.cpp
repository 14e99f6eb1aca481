// SPDX-License-Identifier: MIT
// dispatch by a device's name, in a program without a second device.
#include <taper/core/dispatch.hpp>

#include "tests/mistakes/mistakes.hpp"

using namespace taper;

TEST_CASE("dispatch calls the code of a device by its name") {
  CHECK(dispatch("cpu", []<Device D>() { return D::name; }) == "cpu");
  mistake<DeviceError>("dispatch", [] { dispatch("cuda:1", []<Device D>() {}); }, "'cuda:1'", "<taper/cuda.hpp>");
  mistake<DeviceError>("dispatch", [] { dispatch("tpu", []<Device D>() {}); }, "'tpu'", "'cpu'");
}
