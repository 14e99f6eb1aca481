// SPDX-License-Identifier: MIT
// Whole reads, private mappings, and writes that replace a file whole or not at all.
#include <taper/io/atomic_file.hpp>
#include <taper/io/mapped_file.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <dirent.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/io/support.hpp"

using namespace taper;

namespace {

struct Folder {
  Folder() {
    char name[] = "file_test_XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() {
    for (const auto& file : files()) ::unlink((path + "/" + file).c_str());
    ::rmdir(path.c_str());
  }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    DIR* folder = ::opendir(path.c_str());
    while (const dirent* entry = ::readdir(folder))
      if (entry->d_name != std::string(".") && entry->d_name != std::string("..")) out.emplace_back(entry->d_name);
    ::closedir(folder);
    return out;
  }
  std::string path;
};

std::string content(const std::string& path) { return std::string(io::text_of(io::read_file(path))); }
void put(const std::string& path, std::string_view text) { io::write_file(path, io::bytes_of(text)); }

}  // namespace

TEST_CASE("a file is read whole") {
  const Folder folder;
  put(folder / "a", "some text");
  CHECK(content(folder / "a") == "some text");
  put(folder / "a", "");
  CHECK(content(folder / "a").empty());
  const std::string large(1'000'003, 'x');
  put(folder / "a", large);
  CHECK(content(folder / "a") == large);
}

TEST_CASE("a pipe is read to its end") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const std::string text(100'000, 'p');
  const auto child = ::fork();
  if (child == 0) {
    const int fd = ::open((folder / "pipe").c_str(), O_WRONLY);
    for (std::size_t at = 0; at < text.size();)
      at += static_cast<std::size_t>(::write(fd, text.data() + at, text.size() - at));
    ::_exit(0);
  }
  CHECK(content(folder / "pipe") == text);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("files that cannot be read say why") {
  const Folder folder;
  const auto read = [&](const std::string& path) { return [=] { io::read_file(path); }; };
  const auto map = [&](const std::string& path) { return [=] { io::MappedFile file(path); }; };
  check_error<IoError>(read(folder / "none"), "[read_file] cannot open '", "none'", "No such file or directory");
  check_error<IoError>(map(folder / "none"), "[MappedFile] cannot open '", "none'", "No such file or directory");
  check_error<IoError>(read(folder.path), "is a directory");
  check_error<IoError>(map(folder.path), "is a directory");
  check_error<IoError>(read("/dev/zero"), "'/dev/zero' is a device");
  check_error<IoError>(map("/dev/zero"), "is not a regular file");
  check_error<IoError>(read(std::string("a\0b", 3)), "zero byte");
}

TEST_CASE("a mapping is private and shared by its copies") {
  const Folder folder;
  put(folder / "a", "abcdef");
  io::MappedFile other;
  CHECK(!other.defined());
  {
    io::MappedFile file(folder / "a");
    other = file;
    CHECK(file.data() == other.data());
    CHECK(file.path() == folder / "a");
  }
  CHECK(io::text_of(other.bytes()) == "abcdef");
  other.data()[0] = std::byte{'X'};
  CHECK(io::text_of(other.bytes()) == "Xbcdef");
  CHECK(content(folder / "a") == "abcdef");
  const io::MappedFile moved = std::move(other);
  CHECK(moved.size() == 6);
}

TEST_CASE("an empty file has an empty mapping") {
  const Folder folder;
  put(folder / "a", "");
  const io::MappedFile file(folder / "a");
  CHECK(file.defined());
  CHECK(file.bytes().empty());
}

TEST_CASE("a mapped file can be replaced") {
  const Folder folder;
  put(folder / "a", std::string(10'000, 'o'));
  const io::MappedFile old(folder / "a");
  put(folder / "a", "new");
  CHECK(content(folder / "a") == "new");
  CHECK(io::text_of(old.bytes()) == std::string(10'000, 'o'));
}

TEST_CASE("pieces of any size arrive in order") {
  const Folder folder;
  std::string expected;
  io::write_atomically(folder / "a", [&](io::AtomicFile& file) {
    for (std::size_t size : {1u, 65'535u, 1u, 65'536u, 0u, 200'000u, 3u}) {
      const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
      file.write(piece);
      expected += piece;
    }
  });
  CHECK(content(folder / "a") == expected);
}

TEST_CASE("without commit nothing changes and nothing is left behind") {
  const Folder folder;
  put(folder / "a", "old");
  CHECK_THROWS_AS(io::write_atomically(folder / "a",
                                       [](io::AtomicFile& file) {
                                         file.write(std::string(100'000, 'n'));
                                         throw std::runtime_error("stop");
                                       }),
                  std::runtime_error);
  CHECK(content(folder / "a") == "old");
  CHECK(folder.files().size() == 1);
}

TEST_CASE("a full disk leaves the old file") {
  const Folder folder;
  put(folder / "a", "old");
  rlimit before;
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = before;
  limit.rlim_cur = 100'000;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  check_error<IoError>([&] { put(folder / "a", std::string(1'000'000, 'n')); }, "[AtomicFile] cannot write '", "/a'",
                       "File too large");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(content(folder / "a") == "old");
  CHECK(folder.files().size() == 1);
}

TEST_CASE("a replaced file keeps its mode, a link stays a link") {
  const Folder folder;
  put(folder / "a", "old");
  REQUIRE(::chmod((folder / "a").c_str(), 0640) == 0);
  REQUIRE(::symlink("a", (folder / "link").c_str()) == 0);
  put(folder / "link", "new");
  CHECK(content(folder / "a") == "new");
  struct stat info;
  REQUIRE(::lstat((folder / "link").c_str(), &info) == 0);
  CHECK(S_ISLNK(info.st_mode));
  REQUIRE(::stat((folder / "a").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
}

TEST_CASE("a link stays a link where its target is not there yet") {
  const Folder folder;
  REQUIRE(::symlink("second", (folder / "first").c_str()) == 0);
  REQUIRE(::symlink(std::filesystem::absolute(folder / "target").c_str(), (folder / "second").c_str()) == 0);
  put(folder / "first", "new");
  CHECK(content(folder / "target") == "new");
  for (const char* name : {"first", "second"}) {
    struct stat info;
    REQUIRE(::lstat((folder / name).c_str(), &info) == 0);
    CHECK(S_ISLNK(info.st_mode));
  }
  REQUIRE(::symlink("circle", (folder / "circle").c_str()) == 0);
  check_error<IoError>([&] { put(folder / "circle", "x"); }, "cannot write", "circle", "symbolic links");
}

TEST_CASE("targets that cannot be replaced say why") {
  const Folder folder;
  check_error<IoError>([&] { put(folder / "none/a", "x"); }, "cannot create a file beside", "none/a",
                       "No such file or directory");
  check_error<IoError>([&] { put(folder.path, "x"); }, "is a directory");
  check_error<IoError>([] { put("/dev/null", "x"); }, "'/dev/null' is a device");
  check_error<IoError>([] { put("", "x"); }, "No such file or directory");
  check_error<IoError>([&] { put(folder / std::string(300, 'l'), "x"); }, "File name too long");
  CHECK(folder.files().empty());
}

TEST_CASE("the longest name a file may have works") {
  const Folder folder;
  put(folder / std::string(255, 'l'), "x");
  CHECK(content(folder / std::string(255, 'l')) == "x");
}

TEST_CASE("a committed file is closed") {
  const Folder folder;
  io::AtomicFile file(folder / "a");
  file.write("x");
  file.commit();
  check_error<IoError>([&] { file.commit(); }, "already in place");
  check_error<IoError>([&] { file.write("y"); }, "already in place");
  CHECK(content(folder / "a") == "x");
}
