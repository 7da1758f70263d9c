import Foundation
import Testing

/// What strace(1) saw of a run: which system calls each kind of the VMM's threads made once the guest had begun to run.
struct SystemCallLog {
  /// The VMM's threads by their names; the main thread is the process itself.
  enum Role: String, CaseIterable {
    case vcpu = "vCPU threads"
    case loop = "I/O threads"
    case worker = "Disks' worker threads"
    case input = "The input thread"
    case main = "The main thread"
    case listener = "LTTng's listener threads"

    fileprivate init?(threadName: String) {
      if threadName.wholeMatch(of: /vcpu[0-9]+/) != nil {
        self = .vcpu
      } else if threadName.wholeMatch(of: /io[0-9]+/) != nil {
        self = .loop
      } else if threadName.wholeMatch(of: /disk[0-9]+-[0-9]+/) != nil {
        self = .worker
      } else if threadName == "input" {
        self = .input
      } else if threadName.hasSuffix("-ust") {
        self = .listener
      } else {
        return nil
      }
    }
  }

  /// Names of system calls; of ioctl(2) each request by itself: `ioctl KVM_RUN`.
  private(set) var calls: [Role: Set<String>] = [:]
  /// Calls of threads and processes that have none of the names.
  private(set) var others: Set<String> = []
  /// A line of the log for each, to see why a test failed.
  private(set) var examples: [String: String] = [:]
  /// Whether the guest ran at all.
  private(set) var sawGuest = false

  /// One line of the log: `TID<NAME> CALL(ARGUMENTS…`. Others are ends of calls that were begun on an earlier line, signals and
  /// ends of threads.
  private struct Line {
    let thread: String
    let name: String
    let call: String

    /// By hand: there are hundreds of thousands, and this is not compiled for speed.
    init?(_ bytes: UnsafeRawBufferPointer) {
      func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
      func find(_ byte: Character, after start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress else { return nil }
        return memchr(base + start, Int32(byte.asciiValue!), bytes.count - start).map {
          $0 - UnsafeMutableRawPointer(mutating: base)
        }
      }
      guard let open = find("<", after: 0), let close = find(">", after: open),
        let parenthesis = find("(", after: close)
      else { return nil }
      let call = text(close + 2..<parenthesis)
      guard call.utf8.allSatisfy({ $0 == 0x5f || (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) })
      else {
        return nil
      }
      thread = text(0..<open)
      name = text(open + 1..<close)
      guard call == "ioctl", let comma = find(",", after: parenthesis) else {
        self.call = call
        return
      }
      let request = bytes[(comma + 2)...].prefix {
        $0 == 0x5f || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0)
      }
      self.call = call + " " + String(decoding: request, as: UTF8.self)
    }
  }

  /// Reads what `strace -f -Y -o FILE` has written.
  init(_ file: URL) throws {
    // A thread has its name only after its first calls.
    var names: [String: String] = [:]
    var made: [String: [String: String]] = [:]
    var main: String?
    try Data(contentsOf: file).withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let end =
          memchr(bytes.baseAddress! + start, 10, bytes.count - start)
          .map { $0 - UnsafeMutableRawPointer(mutating: bytes.baseAddress!) } ?? bytes.count
        let text = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        start = end + 1
        guard let line = Line(text) else { continue }
        main = main ?? line.thread
        names[line.thread] = line.name
        if line.call == "ioctl KVM_RUN" { sawGuest = true }
        guard sawGuest, made[line.thread]?[line.call] == nil else { continue }
        made[line.thread, default: [:]][line.call] = String(decoding: text.prefix(200), as: UTF8.self)
      }
    }
    for (thread, made) in made {
      let name = names[thread] ?? ""
      guard let role = thread == main ? .main : Role(threadName: name) else {
        others.formUnion(made.keys.map { "\(name): \($0)" })
        continue
      }
      calls[role, default: []].formUnion(made.keys)
      for (call, line) in made { examples["\(role): \(call)"] = line }
    }
  }

  /// Adds what another run did.
  mutating func merge(_ other: SystemCallLog) {
    calls.merge(other.calls) { $0.union($1) }
    others.formUnion(other.others)
    examples.merge(other.examples) { one, _ in one }
    sawGuest = sawGuest && other.sawGuest
  }
}

/// The list in `docs/security.md`: a table below a heading for each kind of thread.
struct SystemCallList {
  /// When a call is made.
  enum Occasion: String {
    /// Whether or not the run is recorded.
    case any
    /// When it is recorded.
    case recorded
    /// When something happens that these tests do not bring about, or not each time.
    case seldom
  }

  private(set) var calls: [SystemCallLog.Role: [String: Occasion]] = [:]

  init() throws {
    let text = try String(contentsOf: Tools.root.appendingPathComponent("docs/security.md"), encoding: .utf8)
    var role: SystemCallLog.Role?
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") { role = .init(rawValue: line.drop { $0 == "#" || $0 == " " }.description) }
      guard let role, line.hasPrefix("| `") else { continue }
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      let occasion = try #require(Occasion(rawValue: cells[1]), "\(line)")
      for call in cells[0].matches(of: /`([^`]+)`/) {
        #expect(calls[role]?[String(call.1)] == nil, "twice: \(line)")
        calls[role, default: [:]][String(call.1)] = occasion
      }
    }
  }
}
