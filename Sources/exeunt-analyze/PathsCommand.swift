import Analysis
import ArgumentParser
import CTF
import Reporting

/// `exeunt-analyze paths`: how requests reach devices, stage by stage.
struct PathsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "paths",
    abstract: "Follow kicks and requests through userspace exits and ioeventfds, stage by stage.",
    discussion: """
      EXAMPLES:
        exeunt-analyze paths run1
        exeunt-analyze paths --device doorbell0 --queue 0 run1
        exeunt-analyze paths --from 1.5 --to 2 run1
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var following: FollowOption

  @OptionGroup var part: WindowOptions

  @Option(help: ArgumentHelp("Only this device. May be repeated.", valueName: "name"))
  var device: [String] = []

  @Option(help: ArgumentHelp("Only this queue. May be repeated.", valueName: "n"))
  var queue: [Int] = []

  func run() throws {
    let reporter = try options.reporter(part, follow: following.follow)
    try options.check(devices: device, among: reporter.pathDeviceNames)
    try options.check(queues: queue, among: reporter.pathQueues)
    let words = [("device", device), ("queue", queue.map(String.init))]
    let filters = words.filter { !$0.1.isEmpty }.map { "\($0.0) " + $0.1.joined(separator: " or ") }
    try options.finish(
      reporter.paths(
        devices: device, queues: queue, filter: filters.isEmpty ? nil : filters.joined(separator: ", ")))
  }
}
