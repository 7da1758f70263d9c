/// What the control groups of a process, and all groups above them, let it have of the host's memory: cgroups(7), of either
/// version.
package struct MemoryLimits: Sendable {
  /// A group that has a limit.
  package struct Limit: Sendable, Equatable {
    /// The group's directory.
    package let group: String
    /// Bytes that all its processes have together at the most: `memory.max`, or `memory.limit_in_bytes` of version 1.
    package let bytes: UInt64
    /// What of these is neither used nor, as pages of files that nobody needs now, soon given back; nil where the group does not
    /// tell.
    package let available: UInt64?
    /// The file to change it with.
    package let file: String
  }

  /// Those with a limit, of any hierarchy, the innermost group of each first.
  package let limits: [Limit]

  /// The tightest.
  package var lowest: Limit? { limits.min { $0.bytes < $1.bytes } }
  /// The one with the least to spare.
  package var fullest: Limit? {
    limits.filter { $0.available != nil }.min { $0.available ?? 0 < $1.available ?? 0 }
  }

  /// Looks at them.
  ///
  /// - Parameters:
  ///   - directory: a group that the process will join; nil: those that it is in.
  ///   - read: reads a file of the host's.
  package init(
    joining directory: String? = nil, read: (String) -> String? = { TextFile.read($0, limit: 1 << 20) }
  ) {
    let hierarchies = Hierarchy.all(read("/proc/self/mountinfo") ?? "")
    let memberships = MemoryLimits.memberships(read("/proc/self/cgroup") ?? "")
    var limits: [Limit] = []
    for hierarchy in hierarchies {
      var path: String
      if let directory, let inside = hierarchy.relative(directory) {
        path = inside
      } else {
        guard let own = memberships[hierarchy.isUnified ? "" : "memory"] else { continue }
        path = hierarchy.visible(own)
      }
      while true {
        let group = hierarchy.mountPoint + path
        if let limit = hierarchy.limit(of: group, read) { limits.append(limit) }
        guard let slash = path.lastIndex(of: "/") else { break }
        path = String(path[..<slash])
      }
    }
    self.limits = limits
  }

  /// The path of the process in each hierarchy, by controller; that of version 2 by no name: /proc/PID/cgroup.
  private static func memberships(_ text: String) -> [String: String] {
    var paths: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      for controller in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
        paths[String(controller)] = String(parts[2])
      }
    }
    return paths
  }
}

/// A mounted hierarchy that may limit memory.
private struct Hierarchy {
  let isUnified: Bool
  /// Without a slash at its end.
  let mountPoint: String
  /// What of the hierarchy is mounted there.
  let root: String

  /// Those in /proc/self/mountinfo, proc(5).
  static func all(_ text: String) -> [Hierarchy] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, dash > 5 else { return nil }
      let isUnified = fields[dash + 1] == "cgroup2"
      guard
        isUnified || fields[dash + 1] == "cgroup" && fields[dash + 3].split(separator: ",").contains("memory")
      else { return nil }
      return Hierarchy(
        isUnified: isUnified, mountPoint: trimmed(unescaped(fields[4])), root: trimmed(unescaped(fields[3])))
    }
  }

  private static func trimmed(_ path: String) -> String {
    path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  /// As the kernel writes names with blanks: three octal digits behind a backslash.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Where a group of the hierarchy is below the mount point; the mount point itself where it is not below what is mounted.
  func visible(_ path: String) -> String {
    guard path.hasPrefix(root + "/"), !path.contains("/../") else { return "" }
    return Hierarchy.trimmed(String(path.dropFirst(root.count)))
  }

  /// A directory as a path below the mount point; nil where it is somewhere else.
  func relative(_ directory: String) -> String? {
    let path = Hierarchy.trimmed(directory)
    if path == mountPoint { return "" }
    return path.hasPrefix(mountPoint + "/") ? String(path.dropFirst(mountPoint.count)) : nil
  }

  func limit(of group: String, _ read: (String) -> String?) -> MemoryLimits.Limit? {
    func number(_ name: String) -> UInt64? {
      read("\(group)/\(name)").flatMap { UInt64($0.prefix { $0.isASCII && $0.isNumber }) }
    }
    let file = isUnified ? "memory.max" : "memory.limit_in_bytes"
    // "max" is none, and so is what version 1 has for it: the largest number of whole pages.
    guard let bytes = number(file), bytes < UInt64(Int64.max) &- 0xffff else { return nil }
    let used = number(isUnified ? "memory.current" : "memory.usage_in_bytes")
    let word = isUnified ? "inactive_file" : "total_inactive_file"
    let reclaimable = read("\(group)/memory.stat")?.split(separator: "\n")
      .first { $0.hasPrefix(word + " ") }
      .flatMap { UInt64($0.dropFirst(word.count + 1)) }
    let available = used.map { used -> UInt64 in
      let kept = used - min(used, reclaimable ?? 0)
      return bytes - min(bytes, kept)
    }
    return MemoryLimits.Limit(group: group, bytes: bytes, available: available, file: file)
  }
}
