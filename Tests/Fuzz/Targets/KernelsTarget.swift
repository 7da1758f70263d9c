import Board
import Boot
import GuestRAM

/// A kernel file that says anything at all: it is refused with a message, or each boot by what it offers leaves its
/// pieces in RAM, apart from each other, and enters the guest within one of them.
enum KernelsTarget {
  private static let ramBytes: UInt64 = 32 << 20
  /// Larger boots are planned and not carried out: zeroing megabytes for each input would be all that is done.
  private static let maximumLoad: UInt64 = 1 << 20

  /// RAM is kept from one input to the next, and not cleared: nothing is read back.
  private static let memory = try? GuestMemory.allocate(
    bytes: ramBytes, backend: .anonymous, preallocate: false)

  private static let board = (try? BoardLayout(BoardOptions(vcpus: 2))).map(FirmwareTables.init)

  static func run(_ input: [UInt8]) -> String? {
    guard let memory, let board else { return "no guest RAM, or no board" }
    let source = MemoryImage(input)
    let ramdisk = BootRequest.Module(source: MemoryImage([1, 2, 3]), commandLine: "module")
    for bootProtocol in BootPlan.BootProtocol.allCases {
      do {
        let request = BootRequest(
          image: try KernelImage(source, for: bootProtocol), source: source, name: "kernel",
          commandLine: "a b", modules: [ramdisk], bootProtocol: bootProtocol, layout: memory.layout,
          firmware: board)
        let plan = try request.plan()
        if let complaint = check(plan) { return "\(bootProtocol.rawValue): \(complaint)" }
        if plan.ranges.reduce(0, { $0 + UInt64($1.count) }) <= maximumLoad { try plan.load(into: memory) }
      } catch {
        if let complaint = check(error) { return complaint }
      }
    }
    return nil
  }

  private static func check(_ plan: BootPlan) -> String? {
    let ranges = plan.ranges.sorted { $0.lowerBound < $1.lowerBound }
    if let outside = ranges.first(where: { $0.upperBound > ramBytes }) { return "\(outside) is not RAM" }
    for (left, right) in zip(ranges, ranges.dropFirst()) where left.upperBound > right.lowerBound {
      return "\(left) and \(right) overlap"
    }
    // A kernel that says how much it needs may begin in what it needs beyond its file.
    if plan.entry.instruction >= ramBytes { return "it is entered at \(plan.entry.instruction), outside RAM" }
    return nil
  }

  private static func check(_ error: BootError) -> String? {
    let text = error.description
    return text.count < 10 || text.contains("\n") ? "a message that says nothing: \(text)" : nil
  }
}
