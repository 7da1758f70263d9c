import Glibc

/// Finds traces: directories that hold a file called `metadata`.
struct TraceFinder {
  /// A directory with metadata and its data files.
  struct Found {
    let directory: String
    /// Names of the data files, sorted. Not paths: there may be very many.
    var names: [String]
    /// Names of files that are read under another name already.
    var repeats: [String] = []

    func path(_ name: String) -> String { TraceFinder.path(directory, name) }
  }

  /// What tells files apart, whatever their names.
  struct Identity: Hashable {
    let device: UInt64
    let number: UInt64

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      number = UInt64(status.st_ino)
    }
  }

  /// A file that may have other names.
  private struct Shared {
    let identity: Identity
    /// Index into `found`.
    let place: Int
    let name: String
    let isLink: Bool
  }

  /// What the entries of a directory are.
  private struct Listing {
    var files: [String] = []
    var directories: [String] = []
    var links: [String] = []
    var hasMetadata = false
  }

  private static let maximumDepth = 32
  private static let maximumEntries = 1 << 20
  /// Where a link leads to more than this, it is not the place of a trace.
  private static let maximumLinkedEntries = 1 << 16

  private(set) var found: [Found] = []
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var warnings: [Diagnostic] = []
  private var entries = 0
  /// How many entries there may be before what a link leads to is given up.
  private var linkedLimit: Int?
  /// Directories read already: one that is named twice, or within another, counts once.
  private var known: Set<Identity> = []
  /// What was known when the search began, and how often it came to that again.
  private var earlier: Set<Identity> = []
  private var repeated = 0
  /// The directories above the one that is searched.
  private var above: Set<Identity> = []
  private var shared: [Shared] = []
  /// The directories of `found`.
  private var holders: Set<Identity> = []

  private static func path(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
  }

  /// Searches `path` and everything below.
  mutating func search(_ path: String) throws(TraceError) {
    guard let status = PathText.status(path) else {
      throw DataFile.failure(path, "cannot open the directory", errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw TraceError(file: path, message: "not a directory; give the directory that holds the trace")
    }
    let before = found.count
    let repeatedBefore = repeated
    earlier = known
    above = Self.directories(above: path)
    try visit(path, depth: 0)
    guard found.count > before || repeated > repeatedBefore else {
      throw diagnostics.first
        ?? TraceError(file: path, message: "no CTF trace: there is no file called metadata in it or below it")
    }
  }

  /// Sets files apart that are found under several names, when everything has been searched.
  mutating func finish() {
    var taken: Set<Identity> = []
    var repeats: [Int: Set<String>] = [:]
    for file in shared.filter({ !$0.isLink }) + shared.filter(\.isLink) {
      let isOther = file.isLink && isFoundByItsName(found[file.place].path(file.name))
      if !taken.insert(file.identity).inserted || isOther {
        repeats[file.place, default: []].insert(file.name)
      }
    }
    for (place, names) in repeats {
      found[place].repeats = found[place].names.filter(names.contains)
      found[place].names.removeAll(where: names.contains)
    }
    shared = []
  }

  /// Whether what a link leads to is in a directory that has been searched.
  private func isFoundByItsName(_ link: String) -> Bool {
    guard let bytes = PathText.resolved(link), let slash = bytes.lastIndex(of: UInt8(ascii: "/")),
      slash + 1 < bytes.count,
      bytes[slash + 1] != UInt8(ascii: ".")
    else { return false }
    let parent = PathText.status(PathText.text(slash == 0 ? bytes[...0] : bytes[..<slash]))
    return parent.map { holders.contains(Identity($0)) } ?? false
  }

  private static func directories(above path: String) -> Set<Identity> {
    var result: Set<Identity> = []
    var path = path
    while result.count < 4096 {
      path = Self.path(path, "..")
      guard let status = PathText.status(path), result.insert(Identity(status)).inserted else { break }
    }
    return result
  }

  private mutating func visit(_ path: String, depth: Int) throws(TraceError) {
    guard depth <= Self.maximumDepth else {
      note(
        TraceError(file: path, message: "not searched: it is more than \(Self.maximumDepth) directories deep")
      )
      return
    }
    guard var directory = Directory(path: path) else {
      let failure = DataFile.failure(path, "cannot open the directory", errno)
      if depth == 0 { throw failure }
      note(failure)
      return
    }
    let identity = directory.identity
    if let identity, !known.insert(identity).inserted {
      if earlier.contains(identity) { repeated += 1 }
      return
    }
    let sharedBefore = shared.count
    let listing = list(&directory, path)
    // Closed before those below are opened.
    _ = consume directory
    guard entries <= Self.maximumEntries else {
      throw TraceError(
        file: path, message: "more than \(Self.maximumEntries) files; give a smaller directory")
    }
    if let linkedLimit, entries > linkedLimit { return }
    if listing.hasMetadata {
      found.append(Found(directory: path, names: listing.files.sorted()))
      if let identity { holders.insert(identity) }
    } else {
      shared.removeLast(shared.count - sharedBefore)
    }
    for directory in listing.directories.sorted() { try visit(directory, depth: depth + 1) }
    // Links are followed after what is really here: a directory that can be reached both ways goes by its own name, and
    // a link that leads round in a circle ends at a directory that is known.
    for link in listing.links.sorted() { try follow(link, depth: depth + 1) }
  }

  /// Searches what a link leads to, unless that is a directory above or holds more than any trace does: one link to `/`
  /// would make it read the whole disk.
  private mutating func follow(_ link: String, depth: Int) throws(TraceError) {
    if linkedLimit != nil { return try visit(link, depth: depth) }
    if let status = PathText.status(link), above.contains(Identity(status)) {
      warn(link, "the link leads to a directory above the one to be searched; it is not followed")
      return
    }
    let before = self
    linkedLimit = entries + Self.maximumLinkedEntries
    try visit(link, depth: depth)
    let isTooLarge = entries > linkedLimit ?? 0
    linkedLimit = nil
    if isTooLarge || found.count == before.found.count {
      // What is elsewhere and no trace may be as it likes.
      let seen = known
      let count = repeated
      self = before
      if !isTooLarge {
        known = seen
        repeated = count
      }
    }
    if isTooLarge {
      warn(
        link,
        "the link leads to more than \(Self.maximumLinkedEntries) files; it is not followed. "
          + "Give the directory itself, if it is to be read")
    }
  }

  private mutating func list(_ directory: inout Directory, _ path: String) -> Listing {
    var listing = Listing()
    while true {
      guard let name = directory.next() else {
        if errno != 0 { note(DataFile.failure(path, "cannot read the directory", errno)) }
        return listing
      }
      entries += 1
      guard entries <= min(Self.maximumEntries, linkedLimit ?? Int.max) else { return listing }
      if !name.hasPrefix(".") { add(name, Self.path(path, name), to: &listing) }
    }
  }

  private mutating func add(_ name: String, _ full: String, to listing: inout Listing) {
    guard var status = PathText.status(full, followsLink: false) else {
      note(DataFile.failure(full, "cannot examine the file", errno))
      return
    }
    let isLink = status.st_mode & S_IFMT == S_IFLNK
    if isLink {
      guard let target = PathText.status(full) else {
        note(DataFile.failure(full, "the link cannot be followed", errno))
        return
      }
      status = target
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR where name == "index": break
    case S_IFDIR where isLink: listing.links.append(full)
    case S_IFDIR: listing.directories.append(full)
    case S_IFREG where name == "metadata": listing.hasMetadata = true
    case S_IFREG:
      listing.files.append(name)
      if isLink || status.st_nlink > 1 {
        shared.append(Shared(identity: Identity(status), place: found.count, name: name, isLink: isLink))
      }
    default: break
    }
  }

  private mutating func note(_ diagnostic: Diagnostic) {
    if diagnostics.count < TraceOpener.maximumDiagnostics { diagnostics.append(diagnostic) }
  }

  private mutating func warn(_ path: String, _ message: String) {
    if warnings.count < TraceOpener.maximumDiagnostics {
      warnings.append(TraceError(file: path, message: message))
    }
  }
}
