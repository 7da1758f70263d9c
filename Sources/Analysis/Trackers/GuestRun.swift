/// What a vCPU's thread is in while its guest runs, by the engine: in KVM's ioctl, or in a translator of guest code, whose time is no
/// processor's.
package enum GuestRun {
  /// As reports and exports call it.
  ///
  /// - Parameter configurations: Of each run that is told of, the JSON that its VMM wrote. A name or a path in it cannot be taken for
  ///   the engine: quotation marks in them have a backslash before them.
  package static func name(of configurations: [String]) -> String {
    let engines = Set(configurations.map { $0.contains("\"engine\":\"tcg\"") })
    if engines.count == 2 { return "KVM_RUN or the translator" }
    return engines.contains(true) ? "the translator" : "KVM_RUN"
  }
}

extension StateDump {
  /// What vCPUs' threads are in while their guests run.
  package var guestRun: String { GuestRun.name(of: machines.map(\.configuration)) }
}
