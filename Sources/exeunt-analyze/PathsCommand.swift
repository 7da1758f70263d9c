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

  @OptionGroup var part: WindowOptions

  @Option(help: ArgumentHelp("Only this device.", valueName: "name"))
  var device: String?

  @Option(help: ArgumentHelp("Only this queue.", valueName: "n"))
  var queue: Int?

  func run() throws {
    let trace = try options.open()
    let window = try part.window(in: trace)
    let analysis = options.analyse(trace, window: window?.part)
    let builder = ReportBuilder(
      trace, paths: options.directories, analysis: analysis, window: window,
      whole: options.whole(trace, analysis, window: window))
    try options.check(device: device, among: builder.pathDeviceNames)
    var words: [String] = []
    if let device { words.append("device \(device)") }
    if let queue { words.append("queue \(queue)") }
    let filter = words.isEmpty ? nil : words.joined(separator: ", ")
    try options.finish(builder.paths(device: device, queue: queue, filter: filter))
  }
}
