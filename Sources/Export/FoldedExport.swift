import Analysis
import Symbols

/// Folded stacks, of which flame graphs are drawn: frames with `;` between them, a blank, and ns.
///
/// Of a vCPU: its name, reason and direction, device, address, and `in KVM_RUN`, or `in the translator`, before the exit or `handling` after it; of an I/O
/// thread its name, its state, and whom it handles. With the guest's symbols, of a vCPU: its name, reason and direction, device, and
/// the function that the exit comes from; both times together. The stacks of a thread are all of its time from its first event to its last.
package struct FoldedExporter: Exporter, ~Copyable {
  /// A stack; -1 where it has no such frame.
  private struct Stack: Hashable {
    var run: Int
    var thread: Int
    var kind: Int
    var direction = -1
    var device = -1
    var address: UInt64?
    var function = -1
    var leaf = -1
  }

  /// Stacks of addresses of their own; those of others have the device as their last frame but one.
  private static let mostAddresses = 4096
  /// The same of the guest's functions.
  private static let mostFunctions = 4096

  private var output: OutputBuffer
  private let names = ExportNames()
  private var times: [Stack: Int64] = [:]
  private var addresses: Set<UInt64> = []
  /// Of each vCPU of this run, the time that is in none of its exits.
  private var rest: [Int: Int64] = [:]
  private var run = 0
  /// Where the part of the run begins that is exported, ns since the clock's origin.
  private var begin = Int64.min
  private var inKvmRun = 0
  private let handling: Int
  private let unknown: Int
  private let symbols: GuestSymbols?
  /// Functions, and addresses that are in none, by their names.
  private var functions: Set<Int> = []

  /// - Parameters:
  ///   - descriptor: Where to write.
  ///   - symbols: The guest's; nil: stacks have no functions.
  package init(descriptor: Int32, symbols: GuestSymbols? = nil) {
    self.symbols = symbols
    output = OutputBuffer(descriptor: descriptor)
    handling = names.number("handling")
    unknown = names.number("unknown")
  }

  package mutating func begin(_ run: ExportedRun) {
    self.run = run.number
    begin = run.part?.lowerBound ?? .min
    names.use(run.machine)
    inKvmRun = names.number("in \(run.machine.guestRun)")
    rest = [:]
  }

  package mutating func add(_ items: [ModelItem]) {
    for item in items {
      switch item {
      case .interval(let interval): add(interval)
      case .exit(let exit): add(exit)
      case .wakeup, .request, .interrupt, .mark, .gap: break
      }
    }
  }

  private mutating func add(_ interval: StateInterval) {
    let time = interval.end &- interval.begin
    guard interval.thread.kind == .loop else {
      rest[interval.thread.id, default: 0] &+= time
      return
    }
    let state = names.state(interval.category, isVcpu: false)
    let stack = Stack(
      run: run, thread: names.thread(interval.thread), kind: state,
      device: names.handler(interval.category) ?? -1)
    times[stack, default: 0] &+= time
  }

  private mutating func add(_ exit: ModelExit) {
    var stack = Stack(
      run: run, thread: names.thread(ThreadName(.vcpu, exit.vcpu)), kind: names.reason(exit.reason))
    stack.direction = names.direction(exit.direction) ?? -1
    stack.device = names.device(of: exit) ?? -1
    if let symbols {
      stack.function = function(of: exit, symbols)
    } else if exit.isAccess, let address = exit.address,
      addresses.contains(address) || addresses.count < Self.mostAddresses
    {
      addresses.insert(address)
      stack.address = address
    }
    // A KVM_RUN may have begun before the part that is exported.
    let (inside, isOpen) = exit.timestamp.subtractingReportingOverflow(begin)
    let inKvmRunInside = exit.inKvmRun.map { isOpen ? $0 : min($0, inside) }
    for (leaf, time) in [(inKvmRun, inKvmRunInside), (handling, exit.handling)] {
      guard let time, time > 0 else { continue }
      if symbols == nil { stack.leaf = leaf }
      times[stack, default: 0] &+= time
      rest[exit.vcpu, default: 0] &-= time
    }
  }

  /// The name of the function that an exit comes from, or its address.
  private mutating func function(of exit: ModelExit, _ symbols: GuestSymbols) -> Int {
    guard let rip = exit.rip else { return names.number("no instruction pointer") }
    let found = symbols.function(rip: rip, reason: exit.reason, direction: exit.direction)
    guard found != nil || functions.count < Self.mostFunctions else { return names.number("others") }
    let number = names.number(found?.name ?? "0x" + String(rip, radix: 16))
    guard functions.contains(number) || functions.count < Self.mostFunctions else {
      return names.number("others")
    }
    functions.insert(number)
    return number
  }

  package mutating func end() {
    for (vcpu, time) in rest where time > 0 {
      let stack = Stack(run: run, thread: names.thread(ThreadName(.vcpu, vcpu)), kind: unknown)
      times[stack, default: 0] &+= time
    }
    rest = [:]
  }

  package mutating func finish() {
    let isSingle = run < 2
    let lines = times.filter { $0.value > 0 }.map { stack, time in
      ((isSingle ? [] : ["run \(stack.run)"]) + frames(stack)).map(Self.frame).joined(separator: ";")
        + " \(time)\n"
    }
    for line in lines.sorted() { output.text(line) }
    output.flush()
  }

  private func frames(_ stack: Stack) -> [String] {
    let kind = names.text(stack.kind) + (stack.direction < 0 ? "" : " " + names.text(stack.direction))
    let address = stack.address.map { "0x" + String($0, radix: 16) }
    return [names.text(stack.thread), kind] + (stack.device < 0 ? [] : [names.text(stack.device)])
      + (address.map { [$0] } ?? []) + (stack.function < 0 ? [] : [names.text(stack.function)])
      + (stack.leaf < 0 ? [] : [names.text(stack.leaf)])
  }

  /// Names are the trace's, and may have anything in them.
  private static func frame(_ name: String) -> String {
    String(
      String.UnicodeScalarView(
        name.unicodeScalars.map { $0 == ";" || $0.value < 0x20 || $0.value == 0x7f ? "_" : $0 }))
  }

  package var failure: ExportFailure? { output.failure.map(ExportFailure.write) }
}
