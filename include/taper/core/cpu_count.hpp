// SPDX-License-Identifier: MIT
// How many processors this process may use: the affinity mask, cut by the control group's quota.
#pragma once

#include <taper/config.hpp>

#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

namespace taper::inline TAPER_ABI::base {

// The first bytes of a small file, ended by zero; false where it cannot be read.
TAPER_RARE inline bool read_small_file(const char* path, char* out, std::size_t size) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t n = read(file, out, size - 1);
  close(file);
  if (n <= 0) return false;
  out[n] = '\0';
  return true;
}

// Processors granted by one control group directory, rounded up; 0 where it sets no quota.
TAPER_RARE inline int group_quota(const char* directory, bool version2) noexcept {
  char path[640], text[64];
  const std::size_t length = std::strlen(directory);
  if (length > 512) return 0;
  const auto file = [&](const char* name) {
    std::memcpy(path, directory, length);
    std::strcpy(path + length, name);
    return read_small_file(path, text, sizeof text);
  };
  double quota = 0, period = 0;
  if (version2) {  // "200000 100000" or "max 100000"
    if (!file("/cpu.max")) return 0;
    char* end = nullptr;
    quota = std::strtod(text, &end);
    period = std::strtod(end, nullptr);
  } else {
    if (!file("/cpu.cfs_quota_us")) return 0;
    quota = std::strtod(text, nullptr);
    if (!file("/cpu.cfs_period_us")) return 0;
    period = std::strtod(text, nullptr);
  }
  if (!(quota > 0) || !(period > 0)) return 0;
  const double n = quota / period;
  return n >= 1e6 ? 0 : static_cast<int>(n) + (n > static_cast<int>(n) ? 1 : 0);
}

// The smallest quota of the groups this process is in and of all groups above them. Inside a container the path may
// name a directory that only the host sees: the root is then the container's own group.
TAPER_RARE inline int control_group_quota() noexcept {
  char groups[4096];
  if (!read_small_file("/proc/self/cgroup", groups, sizeof groups)) return 0;
  int least = 0;
  for (char *line = groups, *next = nullptr; line && *line; line = next) {
    next = std::strchr(line, '\n');
    if (next) *next++ = '\0';
    char* controllers = std::strchr(line, ':');
    char* group = controllers ? std::strchr(controllers + 1, ':') : nullptr;
    if (!group || std::strlen(group) > 400) continue;
    *group++ = '\0';
    ++controllers;
    const bool version2 = *controllers == '\0';
    if (!version2 && !std::strstr(controllers, "cpu")) continue;
    char directory[512];
    std::strcpy(directory, version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu");
    const std::size_t root = std::strlen(directory);
    std::strcpy(directory + root, std::strcmp(group, "/") == 0 ? "" : group);
    for (;;) {
      const int quota = group_quota(directory, version2);
      if (quota > 0 && (least == 0 || quota < least)) least = quota;
      char* slash = std::strrchr(directory, '/');
      if (!slash || slash < directory + root) break;
      *slash = '\0';
    }
  }
  return least;
}

/// Processors that this process may use, at least 1.
TAPER_RARE inline int cpu_count() noexcept {
  long n = 0;
#if defined(__linux__)
  alignas(cpu_set_t) unsigned char mask[1024 * sizeof(long)];  // a machine may have more than cpu_set_t's 1024
  std::memset(mask, 0, sizeof mask);
  auto* set = reinterpret_cast<cpu_set_t*>(mask);
  if (sched_getaffinity(0, sizeof mask, set) == 0) n = CPU_COUNT_S(sizeof mask, set);
#endif
  if (n < 1) n = sysconf(_SC_NPROCESSORS_ONLN);
  const int quota = control_group_quota();
  if (quota > 0 && quota < n) n = quota;
  return n < 1 ? 1 : static_cast<int>(n);
}

}  // namespace taper::inline TAPER_ABI::base
