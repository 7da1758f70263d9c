import Foundation
import Glibc

/// Where a sweep keeps its plan and its runs:
///
///     plan.json
///     runs/0001-LABEL/run.json, trace/, result.json, output.txt
///
/// A run is finished when its `run.json` is there, which is written last.
package struct SweepDirectory {
  /// What is known of a finished run.
  package struct Record: Equatable, Sendable, Codable {
    package var number: Int
    /// Its configuration's; nil: of an early build.
    package var label: String?
    /// Seconds since 1970.
    package var began: Double
    /// Seconds.
    package var duration: Double
    /// nil: the host does not tell.
    package var disturbance: Disturbance?
    /// How often it was made before, and disturbed; nil: never.
    package var repeated: Int?
    /// Bytes of its directory, with its traces.
    package var bytes: UInt64

    /// Whether a run can have been made then, and for so long: within a hundred days, and some thousand years.
    var isPossible: Bool { (0...1e11).contains(began) && (0...1e7).contains(duration) }
  }

  package struct Failure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// Something could not be written, or removed.
    fileprivate init(_ what: String, _ place: String, _ error: any Error) {
      let given = error as NSError
      let under = given.userInfo[NSUnderlyingErrorKey] as? NSError ?? given
      guard under.domain == NSPOSIXErrorDomain else {
        // Foundation has codes of its own for what it knows.
        self.init(
          given.domain == NSCocoaErrorDomain && given.code == CocoaError.fileWriteOutOfSpace.rawValue
            ? Self.full(what, place, ENOSPC) : "cannot \(what) \(place): the host refuses it")
        return
      }
      let code = CInt(truncatingIfNeeded: under.code)
      self.init(
        [ENOSPC, EDQUOT].contains(code)
          ? Self.full(what, place, code) : "cannot \(what) \(place): \(String(cString: strerror(code)))")
    }

    private static func full(_ what: String, _ place: String, _ code: CInt) -> String {
      "cannot \(what) \(place): \(String(cString: strerror(code))); make room, and the same command goes on"
    }
  }

  package let path: String

  package init(_ path: String) { self.path = path }

  package func directory(_ name: String) -> String { "\(path)/runs/\(name)" }

  // MARK: The plan

  /// The plan that is there; nil: the directory is new.
  package func plan() throws(Failure) -> SweepPlan? {
    let file = path + "/plan.json"
    guard let data = FileManager.default.contents(atPath: file) else {
      if FileManager.default.fileExists(atPath: file) { throw Failure("cannot read \(file)") }
      // What is not a sweep's is left alone.
      let there = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      guard there.isEmpty else {
        throw Failure("\(path) is there, and is no sweep's: name another directory")
      }
      return nil
    }
    do {
      let plan = try JSONDecoder().decode(SweepPlan.self, from: data)
      guard plan.version == 1 else { throw Failure("\(file) is of another version of this program") }
      // As they were written: numbers in order, and no block beyond the runs.
      let isWhole = plan.runs.enumerated().allSatisfy { place, run in
        run.number == place + 1 && plan.runs.indices.contains(run.block)
          && plan.configurations.indices.contains(run.configuration)
      }
      guard isWhole, !plan.runs.isEmpty, (0...10).contains(plan.warmUps) else {
        throw Failure("\(file) is damaged")
      }
      return plan
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure("\(file) is no plan of a sweep")
    }
  }

  package func write(_ plan: SweepPlan) throws(Failure) {
    try make(path + "/runs")
    try write(plan, to: path + "/plan.json")
  }

  /// Keeps other sweeps from this directory as long as this process lives: flock(2). After ``write(_:)``.
  package func claim() throws(Failure) {
    let descriptor = open(path + "/runs", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure("cannot open \(path)/runs: \(String(cString: strerror(errno)))")
    }
    // Never closed.
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw Failure("another sweep is at work in \(path)")
    }
  }

  // MARK: Looks

  /// What was seen so far.
  package func looks() -> SweepLooks {
    FileManager.default.contents(atPath: path + "/looks.json").flatMap {
      try? JSONDecoder().decode(SweepLooks.self, from: $0)
    } ?? SweepLooks()
  }

  package func write(_ looks: SweepLooks) throws(Failure) { try write(looks, to: path + "/looks.json") }

  // MARK: Runs

  /// What is known of a run; nil: it is not finished, or what is there cannot be what this program wrote of it, and it is made again.
  package func record(_ name: String) -> Record? {
    guard let data = FileManager.default.contents(atPath: directory(name) + "/run.json"),
      let record = try? JSONDecoder().decode(Record.self, from: data), record.isPossible,
      record.number == name.split(separator: "-").first.flatMap({ Int($0) })
    else { return nil }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: directory(name))) ?? []
    return files.contains { $0.hasPrefix("trace") } ? record : nil
  }

  /// Makes a run's directory anew: what an interrupted one left is removed.
  package func begin(_ name: String) throws(Failure) {
    try remove(name)
    try make(directory(name))
  }

  package func remove(_ name: String) throws(Failure) {
    let place = directory(name)
    guard FileManager.default.fileExists(atPath: place) else { return }
    do {
      try FileManager.default.removeItem(atPath: place)
    } catch {
      throw Failure("remove", place, error)
    }
  }

  /// The directories of a run's traces, one for each machine.
  package func traces(of name: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory(name))) ?? []
    return names.filter { $0 == "trace" || $0.hasPrefix("trace-") }.filter { !$0.contains(".") }.sorted()
  }

  /// The traces of a run, or what was kept of them.
  package func recordings(of name: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory(name))) ?? []
    return traces(of: name) + names.filter { $0.hasPrefix("trace") && $0.hasSuffix(".state") }.sorted()
  }

  package func finish(_ name: String, _ record: Record) throws(Failure) {
    try write(record, to: directory(name) + "/run.json")
  }

  /// Bytes of all files of a run.
  package func size(of name: String) -> UInt64 {
    let place = directory(name)
    let files = (try? FileManager.default.subpathsOfDirectory(atPath: place)) ?? []
    return files.reduce(0) { sum, file in
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(place)/\(file)")
      return sum &+ ((attributes?[.size] as? NSNumber)?.uint64Value ?? 0)
    }
  }

  /// Bytes that are free where the sweep is; nil: not known.
  package var free: UInt64? {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path)
    return (attributes?[.systemFreeSize] as? NSNumber)?.uint64Value
  }

  // MARK: Files

  private func make(_ place: String) throws(Failure) {
    do {
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    } catch {
      throw Failure("make", place, error)
    }
  }

  private func write(_ value: some Encodable, to file: String) throws(Failure) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      // Nobody sees a part of it.
      try encoder.encode(value).write(to: URL(fileURLWithPath: file), options: .atomic)
    } catch {
      throw Failure("write", file, error)
    }
  }
}
