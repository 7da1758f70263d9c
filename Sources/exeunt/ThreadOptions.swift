import ArgumentParser
import Machine
import Platform

/// Threads and how the host schedules them: `vcpu0=fifo:10,io0=other:-5,watch=idle`.
struct SchedulingList {
  private(set) var threads: [String: ThreadScheduling] = [:]

  init() {}

  /// Reads a list as users write it.
  init(parsing text: String) throws {
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw ValidationError("\"\(item)\" is no THREAD=CLASS[:NUMBER], such as vcpu0=fifo:10")
      }
      try add(String(parts[0]), SchedulingList.scheduling(parts[1]))
    }
  }

  private static func scheduling(_ text: Substring) throws -> ThreadScheduling {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let policy = ThreadScheduling.Class(rawValue: String(parts[0])) else {
      let known = ThreadScheduling.Class.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\"\(parts[0])\" is no scheduling class; there are \(known)")
    }
    guard let range = policy.range else {
      if parts.count == 1 { return ThreadScheduling(policy, 0) }
      throw ValidationError("\"\(text)\": \(policy.rawValue) has no number")
    }
    let isPriority = range.lowerBound > 0
    if parts.count == 1, !isPriority { return ThreadScheduling(policy, 0) }
    guard parts.count == 2, let number = Int(parts[1]), range.contains(number) else {
      throw ValidationError(
        "\"\(text)\": give \(policy.rawValue):\(isPriority ? "PRIORITY" : "NICE") with a number from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return ThreadScheduling(policy, number)
  }

  /// Adds those of another list.
  mutating func add(_ other: SchedulingList) throws {
    for (thread, scheduling) in other.threads { try add(thread, scheduling) }
  }

  private mutating func add(_ thread: String, _ scheduling: ThreadScheduling) throws {
    guard threads.updateValue(scheduling, forKey: thread) == nil else {
      throw ValidationError("\(thread) is scheduled twice; give --sched one class for each thread")
    }
  }
}

/// A control group that the process, or a thread of it, joins: `/sys/fs/cgroup/slow`, `io0=/sys/fs/cgroup/slow`.
struct GroupOption {
  /// nil: all of the process.
  let thread: String?
  let path: String

  /// Reads one as users write it. A path that has "=" in its first step is written with "./" before it.
  init(parsing text: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let namesThread = parts.count == 2 && !parts[0].contains("/")
    thread = namesThread ? String(parts[0]) : nil
    path = namesThread ? String(parts[1]) : text
    guard !path.isEmpty, thread?.isEmpty != true else {
      throw ValidationError("\"\(text)\": give a directory of cgroups(7), or THREAD=DIRECTORY")
    }
  }

  /// Adds them to a machine.
  static func apply(_ options: [GroupOption], to configuration: inout MachineConfiguration) throws {
    for option in options {
      if let thread = option.thread {
        guard configuration.threadControlGroups.updateValue(option.path, forKey: thread) == nil else {
          throw ValidationError("--cgroup \(thread)=\(option.path): \(thread) is in another group already")
        }
      } else {
        guard configuration.controlGroup == nil else {
          throw ValidationError("--cgroup \(option.path): the process is in another group already")
        }
        configuration.controlGroup = option.path
      }
    }
  }
}
