import Analysis
import ArgumentParser
import CTF
import Reporting

extension ExitGrouping: ExpressibleByArgument {}
extension ExitOrder: ExpressibleByArgument {}

/// `exeunt-analyze exits`: latency histograms of exits.
struct ExitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exits",
    abstract: "Latency histograms of userspace exits: time in KVM_RUN before, and handling after.",
    discussion: """
      EXAMPLES:
        exeunt-analyze exits run1
        exeunt-analyze exits --reason io --address 0x3f8 run1
        exeunt-analyze exits --device serial0 --by vcpu run1
        exeunt-analyze exits --from 1.5 --to 2 run1
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var part: WindowOptions

  @Option(help: ArgumentHelp("Put together by reason, device, address or vcpu.", valueName: "grouping"))
  var by = ExitGrouping.device

  @Option(
    help: ArgumentHelp("Only this reason: io, mmio, hlt, intr, … or a KVM_EXIT number.", valueName: "reason"))
  var reason: ReasonArgument?

  @Option(
    help: ArgumentHelp("Only this port or guest physical address, such as 0x3f8.", valueName: "address"))
  var address: NumberArgument?

  @Option(help: ArgumentHelp("Only this device, such as serial0.", valueName: "name"))
  var device: String?

  @Option(help: ArgumentHelp("Only this vCPU.", valueName: "n"))
  var vcpu: NumberArgument?

  @Option(
    help: ArgumentHelp(
      "Order of exits: cost (the default), time, count, handling, kvm-run, average; p50, p90, p99, p99.9 or max of "
        + "handling.", valueName: "key"))
  var sort = ExitOrder.cost

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when handling takes longer: reason=R, device=D; p50, p90, p99, p99.9 or max=TIME. May be "
        + "repeated.", valueName: "p99=20us"))
  var failIfOver: [LatencyThreshold] = []

  func validate() throws {
    // What the groups do not tell apart cannot be over a limit.
    if by == .vcpu, failIfOver.contains(where: { $0.reason != nil }) {
      throw ValidationError("--fail-if-over reason=… needs --by reason, device or address")
    }
    if by == .vcpu || by == .reason, failIfOver.contains(where: { $0.device != nil }) {
      throw ValidationError("--fail-if-over device=… needs --by device or address")
    }
  }

  func run() throws {
    let trace = try options.open()
    let window = try part.window(in: trace)
    var configuration = Configuration()
    configuration.reason = reason?.value
    configuration.address = address?.value
    configuration.vcpu = vcpu?.value
    configuration.separatesVcpus = by == .vcpu
    let analysis = options.analyse(trace, configuration, window: window?.part)
    let builder = ReportBuilder(
      trace, paths: options.directories, analysis: analysis, window: window,
      whole: options.whole(trace, analysis, window: window))
    try options.check(device: device, among: builder.exitDeviceNames)
    for limit in failIfOver { try options.check(device: limit.device, among: builder.exitDeviceNames) }
    try options.finish(
      builder.exits(by: by, device: device, filter: filter, sortedBy: sort), thresholds: failIfOver)
  }

  private var filter: String? {
    var words: [String] = []
    if let reason { words.append("reason \(reason.name)") }
    if let address { words.append("address 0x\(String(address.value, radix: 16))") }
    if let device { words.append("device \(device)") }
    if let vcpu { words.append("vcpu\(vcpu.value)") }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }
}
