/// What can be given hostile input: one name for the fuzzer's driver, the corpus and the tests.
public enum FuzzTarget: String, CaseIterable, Sendable {
  /// The input is a metadata file.
  case metadata
  /// The input is a trace of any kind: metadata and data files.
  case events
  /// The same, with a dictionary and a corpus for metadata of CTF 2.
  case fragments
  /// The input is the data files of a trace of `exeunt`; the metadata is given.
  case analysis
  /// The input is a state file of the analyzer.
  case state
  /// The input is a series of accesses to the devices' registers and of changes to guest RAM.
  case devices
  /// The input is a series of accesses to virtio devices' registers, and of changes to their rings, also from another thread.
  case virtio
  /// The input is a kernel file: bzImage, ELF, multiboot, or anything else.
  case kernels
  /// The input is a file of a guest's symbols: ELF, text as nm prints it, or anything else.
  case symbols
  /// The input is a guest's code, which the translator runs in front of virtio devices. All is well where its library is not there.
  case translator

  /// Runs one input.
  ///
  /// - Returns: a property that does not hold; nil when all is well. A crash, a hang or too much memory is for the
  ///   fuzzer to notice.
  public func run(_ input: [UInt8]) -> String? {
    switch self {
    case .metadata: MetadataTarget.run(input)
    case .events, .fragments: EventsTarget.run(input)
    case .analysis: AnalysisTarget.run(input)
    case .state: StateTarget.run(input)
    case .devices: DevicesTarget.run(input)
    case .virtio: VirtioTarget.run(input)
    case .kernels: KernelsTarget.run(input)
    case .symbols: SymbolsTarget.run(input)
    case .translator: TranslatorTarget.run(input)
    }
  }
}
