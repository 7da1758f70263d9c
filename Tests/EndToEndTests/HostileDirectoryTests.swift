import Foundation
import Platform
import Testing

/// Root records where somebody else can rename, remove and link what he likes.
@Suite(
  "Recording in another user's directory", .serialized,
  .needsEngine, .needsTracing,
  .enabled(if: getuid() == 0, "needs root, to become two users"))
struct HostileDirectoryTests {
  private static let other = ["--reuid=65534", "--regid=65534", "--clear-groups"]

  /// `theirs` is another user's directory; `victim` is root's and holds two files.
  private func withPlaces(_ body: (_ theirs: URL, _ victim: URL) throws -> Void) throws {
    let directory = try TemporaryDirectory()
    let theirs = directory.url.appendingPathComponent("theirs")
    let victim = directory.url.appendingPathComponent("victim")
    for place in [theirs, victim] {
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    }
    chmod(directory.url.path, 0o755)
    chown(theirs.path, 65534, 65534)
    for name in ["a", "b"] { try Data(name.utf8).write(to: victim.appendingPathComponent(name)) }
    try body(theirs, victim)
  }

  private func isUntouched(_ victim: URL) throws -> Bool {
    let names = try FileManager.default.subpathsOfDirectory(atPath: victim.path).sorted()
    return try names == ["a", "b"]
      && names.allSatisfy { try Data(contentsOf: victim.appendingPathComponent($0)) == Data($0.utf8) }
  }

  /// Starts a process of another user that puts a link in the place of try `number`'s directory as soon as it is there, or
  /// as soon as what the session daemon makes in it (`sign`) is.
  private func startRacer(_ theirs: URL, _ number: Int, waitingFor sign: String) throws -> pid_t {
    let script = """
      cd '\(theirs.path)'
      : >ready\(number)
      until [ -d run\(number)\(sign) ]; do :; done
      mv run\(number) moved\(number)
      ln -s ../victim run\(number)
      """
    let racer = try Subprocess.spawn(
      try #require(Subprocess.find("setpriv")), Self.other + ["sh", "-c", script])
    let ready = theirs.appendingPathComponent("ready\(number)").path
    while access(ready, F_OK) != 0, ProcessTable.entry(racer)?.isRunning == true { usleep(1000) }
    return racer
  }

  @Test(
    "The directory that was made is the one that is written to and emptied, whatever its name leads to: 20 tries"
  )
  func exchanged() throws {
    try withPlaces { theirs, victim in
      var number = -1
      var raced = 0
      // On a machine that has other things to do the one who races may come too late: such a try shows nothing.
      while raced < 20 {
        number += 1
        try #require(number < 400, "\(raced) of \(number) tries were races")
        let racer = try startRacer(theirs, number, waitingFor: number % 4 < 2 ? "" : "/ust")
        defer {
          kill(-racer, SIGKILL)
          _ = Subprocess.wait(for: racer, until: .max)
        }
        let fails = number % 2 == 0
        let trace = theirs.appendingPathComponent("run\(number)").path
        let output = try run(
          Tools.exeunt,
          ["run", "--guest", "port-io", "iterations=10", "--trace", trace]
            + (fails ? ["--serial", "/nonexistent/file"] : []))
        let moved = theirs.appendingPathComponent("moved\(number)")
        let isRace = FileManager.default.fileExists(atPath: moved.path)
        // The other one may be so fast that the directory is a link before it has been opened, which is refused.
        let isRefused = !fails && output.standardError.contains("is a symbolic link that another user made")
        #expect(output.status == (fails || isRefused ? 2 : 0), "\(output.standardError)")
        if isRace { _ = Subprocess.wait(for: racer, until: Clock.monotonic + 60_000_000_000) }
        #expect(try isUntouched(victim), "try \(number)")
        guard isRace else { continue }
        raced += 1
        let inside = try FileManager.default.contentsOfDirectory(atPath: moved.path)
        if fails || isRefused {
          #expect(inside.isEmpty, "\(inside)")
        } else {
          #expect(inside == ["ust"])
          #expect(output.standardError.contains(moved.path), "\(output.standardError)")
        }
      }
    }
  }

  @Test("A directory or a link that another user put there is refused")
  func refused() throws {
    try withPlaces { theirs, victim in
      let empty = theirs.appendingPathComponent("empty")
      try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
      chown(empty.path, 65534, 65534)
      symlink("../victim", theirs.appendingPathComponent("link").path)
      lchown(theirs.appendingPathComponent("link").path, 65534, 65534)
      for (name, reason) in [
        ("empty", "belongs to another user (uid 65534)"), ("link", "another user made (uid 65534)"),
        ("link/new", "another user made (uid 65534)"),
      ] {
        let output = try run(
          Tools.exeunt, ["run", "--guest", "port-io", "--trace", theirs.appendingPathComponent(name).path])
        #expect(output.status == 2)
        #expect(output.standardError.contains(reason), "\(output.standardError)")
      }
      #expect(try isUntouched(victim))
    }
  }

  @Test(
    "Nobody else can write to the directory, whatever it was before",
    arguments: [nil, 0o777, 0o2775] as [mode_t?])
  func closed(mode: mode_t?) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("a/run")
    if let mode {
      try FileManager.default.createDirectory(at: trace, withIntermediateDirectories: true)
      chown(trace.path, 0, 65534)
      chmod(trace.path, mode)
    }
    let before = umask(0)
    defer { umask(before) }
    let output = try run(
      Tools.exeunt, ["run", "--guest", "port-io", "iterations=10", "--trace", trace.path])
    #expect(output.status == 0, "\(output.standardError)")
    for place in ["a/run", "a/run/ust"] {
      var status = stat()
      #expect(stat(directory.url.appendingPathComponent(place).path, &status) == 0)
      #expect(status.st_uid == 0 && status.st_gid == getegid())
      if place == "a/run" { #expect(status.st_mode & 0o7022 == 0, "\(String(status.st_mode, radix: 8))") }
    }
  }
}
