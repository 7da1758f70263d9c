import Foundation

/// A ramdisk of Linux's: an archive of files as `cpio -H newc` writes it (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
struct Ramdisk {
  private(set) var bytes: [UInt8] = []
  private var directories: Set<String> = []
  private var number = 0

  private enum Kind {
    static let directory = 0o040755
    static let file = 0o100755
    static let link = 0o120777
  }

  private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

  private mutating func add(_ name: String, mode: Int, _ content: [UInt8]) {
    number += 1
    let fields = [number, mode, 0, 0, 1, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
    bytes += Array("070701".utf8)
    for field in fields { bytes += Array(String(format: "%08x", field).utf8) }
    bytes += Array(name.utf8) + [0]
    pad()
    bytes += content
    pad()
  }

  /// Makes a directory, with those above it.
  mutating func directory(_ name: String) {
    guard !name.isEmpty, name != "/", directories.insert(name).inserted else { return }
    directory(String(name.prefix(upTo: name.lastIndex(of: "/") ?? name.startIndex)))
    add(name, mode: Kind.directory, [])
  }

  private mutating func above(_ name: String) {
    if let end = name.lastIndex(of: "/") { directory(String(name[..<end])) }
  }

  /// Adds a file that may be executed, by its name without the first slash.
  mutating func file(_ name: String, _ content: [UInt8]) {
    above(name)
    add(name, mode: Kind.file, content)
  }

  mutating func link(_ name: String, to target: String) {
    above(name)
    add(name, mode: Kind.link, Array(target.utf8))
  }

  /// Adds a program of this host's with the libraries that it is linked with.
  mutating func program(_ path: String) throws {
    let listed = try run(URL(fileURLWithPath: "/usr/bin/ldd"), [path]).text
    let libraries = listed.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix("/") }.map(String.init)
    for name in [path] + libraries {
      file(String(name.dropFirst()), Array(try Data(contentsOf: URL(fileURLWithPath: name))))
    }
  }

  /// All of it, with its end.
  func finished() -> Data {
    var all = self
    all.add("TRAILER!!!", mode: 0, [])
    return Data(all.bytes)
  }
}
