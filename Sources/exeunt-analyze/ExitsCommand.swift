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
        exeunt-analyze exits --by symbol --symbols vmlinux run1
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var following: FollowOption

  @OptionGroup var part: WindowOptions

  @Option(
    help: ArgumentHelp(
      "Put together by reason, device, address, vcpu, symbol or address-range.", valueName: "grouping"))
  var by = ExitGrouping.device

  @OptionGroup var symbols: SymbolOptions

  @Option(
    help: ArgumentHelp(
      "Bytes of the ranges of --by address-range, such as 0x1000.", valueName: "size"))
  var rangeSize: NumberArgument?

  @Option(
    help: ArgumentHelp(
      "Only this reason: io, mmio, hlt, intr, … or a KVM_EXIT number. May be repeated.", valueName: "reason"),
    transform: ReasonArgument.parse)
  var reason: [ReasonArgument] = []

  @Option(
    help: ArgumentHelp(
      "Only this port or guest physical address, such as 0x3f8. May be repeated.", valueName: "address"))
  var address: [NumberArgument] = []

  @Option(help: ArgumentHelp("Only this device, such as serial0. May be repeated.", valueName: "name"))
  var device: [String] = []

  @Option(help: ArgumentHelp("Only this vCPU. May be repeated.", valueName: "n"))
  var vcpu: [NumberArgument] = []

  @Option(
    help: ArgumentHelp(
      "Order of exits: cost (the default), time, count, handling, kvm-run, average; p50, p90, p99, p99.9 or max of "
        + "handling.", valueName: "key"))
  var sort = ExitOrder.cost

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when handling takes longer: \(LatencyThreshold.form). Start-up and power-off do not count. May "
        + "be repeated.", valueName: "p99=20us"),
    transform: LatencyThreshold.parse)
  var failIfOver: [LatencyThreshold] = []

  func validate() throws {
    if by != .symbol, symbols.isGiven { throw ValidationError("--symbols is for --by symbol") }
    if let rangeSize {
      guard by == .addressRange else { throw ValidationError("--range-size is for --by address-range") }
      guard rangeSize.value > 0 else { throw ValidationError("--range-size 0: give 1 byte or more") }
    }
    if by.isPlace, failIfOver.contains(where: { $0.reason != nil || $0.device != nil }) {
      throw ValidationError("--fail-if-over with a reason or a device needs --by reason, device or address")
    }
    // What the groups do not tell apart cannot be over a limit.
    if by == .vcpu, failIfOver.contains(where: { $0.reason != nil }) {
      throw ValidationError("--fail-if-over reason=… needs --by reason, device or address")
    }
    if by == .vcpu, failIfOver.contains(where: { $0.address != nil }) {
      throw ValidationError("--fail-if-over address=… needs --by reason, device or address")
    }
    if by == .vcpu || by == .reason, failIfOver.contains(where: { $0.device != nil }) {
      throw ValidationError("--fail-if-over device=… needs --by device or address")
    }
  }

  func run() throws {
    var configuration = Configuration()
    configuration.reasons = Set(reason.map(\.value))
    configuration.addresses = Set(address.map(\.value))
    configuration.vcpus = Set(vcpu.map(\.value))
    configuration.separatesVcpus = by == .vcpu
    let reporter = try options.reporter(part, configuration, follow: following.follow)
    try options.check(devices: device + failIfOver.compactMap(\.device), among: reporter.exitDeviceNames)
    try options.check(vcpus: vcpu.map { Int(clamping: $0.value) }, among: reporter.vcpuIDs)
    if by.isPlace, !reporter.hasInstructions {
      throw Terminal.mistake(
        "exits of this trace have no instruction pointers: record with exeunt run --trace-rip")
    }
    let places = ExitPlaces(symbols: try symbols.read(), rangeSize: rangeSize?.value ?? 4096)
    let report = reporter.exits(by: by, devices: device, filter: filter, sortedBy: sort, places: places)
    try options.finish(report, limits: failIfOver.map { reporter.check($0, report, devices: device) })
  }

  private var filter: String? {
    let words: [(String, [String])] = [
      ("reason", reason.map(\.name)), ("address", address.map { "0x\(String($0.value, radix: 16))" }),
      ("device", device), ("vCPU", vcpu.map { "\($0.value)" }),
    ]
    let filters = words.filter { !$0.1.isEmpty }.map { "\($0.0) " + $0.1.joined(separator: " or ") }
    return filters.isEmpty ? nil : filters.joined(separator: ", ")
  }
}
