import Glibc

/// Finds traces: directories that hold a file called `metadata`.
struct TraceFinder {
  /// A directory with metadata and its data files.
  struct Found {
    let directory: String
    /// Names of the data files, sorted. Not paths: there may be very many.
    var names: [String]

    func path(_ name: String) -> String {
      directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    }
  }

  private static let maximumDepth = 32
  private static let maximumEntries = 1 << 20

  private(set) var found: [Found] = []
  private(set) var diagnostics: [Diagnostic] = []
  private var entries = 0
  /// Directories read already, by file system and number: one that is named twice, or within another, counts once.
  private var known: Set<[UInt64]> = []
  /// What was known when the search began, and how often it came to that again.
  private var earlier: Set<[UInt64]> = []
  private var repeated = 0

  /// Searches `path` and everything below.
  mutating func search(_ path: String) throws(TraceError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw DataFile.failure(path, "cannot open the directory", errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw TraceError(file: path, message: "not a directory; give the directory that holds the trace")
    }
    let before = found.count
    let repeatedBefore = repeated
    earlier = known
    try visit(path, depth: 0)
    guard found.count > before || repeated > repeatedBefore else {
      throw diagnostics.first
        ?? TraceError(file: path, message: "no CTF trace: there is no file called metadata in it or below it")
    }
  }

  private mutating func visit(_ path: String, depth: Int) throws(TraceError) {
    guard depth <= Self.maximumDepth else { return }
    guard let directory = opendir(path) else {
      let failure = DataFile.failure(path, "cannot open the directory", errno)
      if depth == 0 { throw failure }
      diagnostics.append(failure)
      return
    }
    var status = stat()
    if fstat(dirfd(directory), &status) == 0 {
      let identity = [UInt64(status.st_dev), UInt64(status.st_ino)]
      if !known.insert(identity).inserted {
        closedir(directory)
        if earlier.contains(identity) { repeated += 1 }
        return
      }
    }
    var files: [String] = []
    var directories: [String] = []
    var links: [String] = []
    var hasMetadata = false
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      entries += 1
      guard entries <= Self.maximumEntries else { break }
      if name.hasPrefix(".") { continue }
      let full = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
      var status = stat()
      guard lstat(full, &status) == 0 else { continue }
      let isLink = status.st_mode & S_IFMT == S_IFLNK
      if isLink { guard stat(full, &status) == 0 else { continue } }
      if status.st_mode & S_IFMT == S_IFDIR {
        guard name != "index" else { continue }
        if isLink { links.append(full) } else { directories.append(full) }
        continue
      }
      guard status.st_mode & S_IFMT == S_IFREG else { continue }
      if name == "metadata" { hasMetadata = true } else { files.append(name) }
    }
    closedir(directory)
    guard entries <= Self.maximumEntries else {
      throw TraceError(
        file: path, message: "more than \(Self.maximumEntries) files; give a smaller directory")
    }
    if hasMetadata {
      files.sort()
      found.append(Found(directory: path, names: files))
    }
    // Links are followed, as babeltrace2 does, after what is really here: a directory that can be reached both ways goes
    // by its own name, and a link that leads round in a circle ends at a directory that is known.
    for directory in directories.sorted() + links.sorted() { try visit(directory, depth: depth + 1) }
  }
}
