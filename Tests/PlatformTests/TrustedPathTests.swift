import Foundation
import Glibc
import Platform
import TestSupport
import Testing

/// Paths through directories in which somebody else may plant what he likes.
@Suite("Paths that lead elsewhere")
struct TrustedPathTests {
  private static let other: uid_t = 65534

  private func write(_ text: String, _ path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }
  private func text(_ path: String) -> String? { TextFile.read(path) }

  /// What opening gives: "" or what is wrong.
  private func complaint(_ path: String, _ flags: CInt = O_WRONLY | O_CREAT | O_TRUNC) -> String {
    do throws(PathError) {
      _ = try TrustedPath.open(path, flags)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test("One's own links are followed, wherever they stand in a path and whatever they lead to")
  func ownLinks() throws {
    try withTemporaryDirectory { directory in
      try FileManager.default.createDirectory(atPath: "\(directory)/a/b", withIntermediateDirectories: true)
      symlink("a", "\(directory)/relative")
      symlink("\(directory)/a/b", "\(directory)/absolute")
      symlink("../relative/b/new", "\(directory)/a/dangling")
      for path in ["relative/b/one", "absolute/two", "./a/../a//b/three", "a/dangling"] {
        #expect(complaint("\(directory)/\(path)") == "", "\(path)")
      }
      #expect(Directory.names(in: "\(directory)/a/b")?.sorted() == ["new", "one", "three", "two"])
      symlink("loop", "\(directory)/loop")
      #expect(complaint("\(directory)/loop") == "\(Errno.tooManySymbolicLinkLevels)")
      #expect(complaint("\(directory)/a/b") == "\(Errno.isDirectory)")
      #expect(complaint("\(directory)/a/b/") == "\(Errno.isDirectory)")
      #expect(complaint("\(directory)/a/b/one/x") == "\(Errno.notDirectory)")
      #expect(complaint("\(directory)/none/x") == "\(Errno.noSuchFileOrDirectory)")
      #expect(complaint("") == "\(Errno.noSuchFileOrDirectory)")
    }
  }

  @Test("A file is emptied and no other, and not where that was not asked for")
  func truncation() throws {
    try withTemporaryDirectory { directory in
      try write("old", "\(directory)/file")
      #expect(complaint("\(directory)/file", O_WRONLY) == "")
      #expect(text("\(directory)/file") == "old")
      #expect(complaint("\(directory)/file") == "")
      #expect(text("\(directory)/file") == "")
    }
  }

  @Test("What is open already is reached through /proc and /dev/fd")
  func openDescriptors() throws {
    try withTemporaryDirectory { directory in
      let file = try FileDescriptor.open("\(directory)/file", O_RDWR | O_CREAT)
      unlink("\(directory)/file")
      for place in ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"] {
        let again = try TrustedPath.open("\(place)/\(file.raw)", O_WRONLY)
        try Array(place.utf8).withUnsafeBytes { try again.writeAll($0) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        #expect(String(decoding: bytes[..<count], as: UTF8.self) == place)
      }
      let pipe = try Platform.Pipe()
      #expect(complaint("/dev/fd/\(pipe.writeEnd)") == "")
    }
  }

  @Test(
    "Links of another user are not followed, as file, on the way or as directory", .enabled(if: getuid() == 0)
  )
  func foreignLinks() throws {
    try withTemporaryDirectory { directory in
      try write("mine", "\(directory)/victim")
      for name in ["file", "way", "dangling"] {
        symlink(
          name == "way" ? directory : "\(directory)/\(name == "file" ? "victim" : "none")",
          "\(directory)/\(name)")
        #expect(lchown("\(directory)/\(name)", Self.other, Self.other) == 0)
      }
      for path in ["file", "way/victim", "dangling"] {
        let complaint = complaint("\(directory)/\(path)")
        #expect(complaint.contains("another user made (uid 65534)"), "\(path): \(complaint)")
      }
      #expect(text("\(directory)/victim") == "mine")
      #expect(access("\(directory)/none", F_OK) != 0)
      #expect(throws: PathError.self) {
        _ = try TrustedPath.openDirectory("\(directory)/way/new", making: 0o755)
      }
      #expect(access("\(directory)/new", F_OK) != 0)
      // Who runs this program by sudo made it himself.
      setenv("SUDO_UID", "65534", 1)
      #expect(complaint("\(directory)/way/fresh") == "")
      unsetenv("SUDO_UID")
    }
  }

  @Test("A hard link that somebody else may have made is not written to")
  func hardLinks() throws {
    try withTemporaryDirectory { directory in
      try write("mine", "\(directory)/victim")
      try FileManager.default.createDirectory(atPath: "\(directory)/open", withIntermediateDirectories: true)
      link("\(directory)/victim", "\(directory)/open/again")
      #expect(complaint("\(directory)/open/again", O_WRONLY) == "", "one's own directory")
      chmod("\(directory)/open", 0o1777)
      #expect(complaint("\(directory)/open/again").contains("hard link"))
      #expect(text("\(directory)/victim") == "mine")
    }
  }

  @Test("A place is safe where nobody else can rename what is in it")
  func safePlaces() throws {
    try withTemporaryDirectory { directory in
      #expect(TrustedPath.isSafe(directory))
      #expect(TrustedPath.isSafe("/tmp"))
      let place = "\(directory)/place/inner"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      for (mode, isSafe) in [(0o755, true), (0o775, false), (0o777, false), (0o1777, true)] {
        chmod("\(directory)/place", mode_t(mode))
        #expect(TrustedPath.isSafe(place) == isSafe, "\(String(mode, radix: 8))")
      }
      if getuid() == 0 {
        chown("\(directory)/place", Self.other, Self.other)
        #expect(!TrustedPath.isSafe(place))
      }
      #expect(!TrustedPath.isSafe("\(directory)/none"))
    }
  }

  /// Somebody else exchanges a file for a link to a victim and back, all the time.
  @Test("A name that changes while it is opened never leads elsewhere", .enabled(if: getuid() == 0))
  func race() throws {
    try withTemporaryDirectory { directory in
      try write("mine", "\(directory)/victim")
      chmod(directory, 0o755)
      let place = "\(directory)/theirs"
      mkdir(place, 0o755)
      chown(place, Self.other, Self.other)
      let script = """
        cd \(place); : >real; ln -s ../victim link; echo go
        while :; do ln real name; mv -f name target; ln -P link name; mv -f name target; done
        """
      var output = try Platform.Pipe()
      let racer = try Subprocess.spawn(
        try #require(Subprocess.find("setpriv")),
        ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script], output: output.writeEnd)
      output.closeWriteEnd()
      defer {
        kill(-racer, SIGKILL)
        _ = Subprocess.wait(for: racer, until: .max)
      }
      #expect(output.readText(until: "go\n", timeout: 20_000) == "go\n")
      for _ in 0..<2000 {
        if let file = try? TrustedPath.open("\(place)/target", O_WRONLY | O_CREAT | O_TRUNC) {
          _ = try? Array("written".utf8).withUnsafeBytes { try file.writeAll($0) }
        }
      }
      #expect(text("\(directory)/victim") == "mine")
    }
  }
}
