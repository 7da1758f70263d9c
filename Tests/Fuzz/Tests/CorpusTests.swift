import FuzzTargets
import Glibc
import Testing

/// The fuzzers' corpus and every input that they once found a fault with, without a fuzzer.
@Suite("Inputs of the fuzzers") struct CorpusTests {
  struct Input: Sendable, CustomTestStringConvertible {
    let target: FuzzTarget
    let path: String
    var testDescription: String { path.split(separator: "/").suffix(2).joined(separator: "/") }
  }

  static let inputs: [Input] = FuzzTarget.allCases.flatMap { target in
    let root = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return ["Corpus", "Found"].flatMap { kind in
      files("/\(root)/\(kind)/\(target.rawValue)").map { Input(target: target, path: $0) }
    }
  }

  private static func files(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append("\(path)/\(name)") }
    }
    return names.sorted()
  }

  private static func read(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, count)))
  }

  @Test("are there", arguments: FuzzTarget.allCases)
  func corpusIsThere(_ target: FuzzTarget) {
    #expect(Self.inputs.contains { $0.target == target })
  }

  // One after the other: the targets write their traces to one place.
  @Test("find no fault") func noFault() {
    for input in Self.inputs {
      let bytes = Self.read(input.path)
      #expect(!bytes.isEmpty, "\(input.testDescription) cannot be read")
      #expect(input.target.run(bytes) == nil, "\(input.testDescription)")
    }
  }
}
