import Board
import Testing

@Suite("The state dump is the board's layout", .serialized, .needsEngine, .needsTracing)
struct BoardInTraceTests {
  @Test(
    "Every device, range, line, lock and kick, and nothing else",
    arguments: [(4, 3, "split"), (1, 1, "kernel"), (2, 2, "kernel")])
  func dump(doorbells: Int, loops: Int, irqchip: String) throws {
    let recorded = try RecordedRun(
      "port-io", ["iterations=10"], flags: ["--doorbells", "\(doorbells)", "--iothreads", "\(loops)"],
      irqchip: irqchip)
    let output = try run(try #require(Tools.find("babeltrace2")), [recorded.trace])
    try #require(output.status == 0, "babeltrace2: \(output.standardError)")
    var devices: [String] = []
    var kicks: [String] = []
    for event in output.lines.map(OracleEvent.init) {
      func numbers(_ fields: String...) -> String {
        fields.map { "\(event.number($0))" }.joined(separator: " ")
      }
      switch event.name {
      case "device_info":
        devices.append(
          event.label("name") + " " + event.label("space") + " "
            + numbers("device", "base", "length", "lock", "line"))
      case "ioeventfd_info":
        kicks.append(
          event.label("space") + " "
            + numbers("device", "queue", "loop", "address", "size", "matched", "value"))
      default: break
      }
    }
    let layout = try BoardLayout(
      BoardOptions(
        interruptController: try #require(.init(rawValue: irqchip)), doorbells: doorbells, loops: loops))
    #expect(
      devices
        == layout.slots.flatMap { slot in
          slot.ranges.map { range in
            "\(slot.name) \(name(range.space)) \(slot.id) \(range.start) \(range.length) \(slot.lock ?? .max) "
              // No line is -1, which the reader of numbers makes the largest.
              + "\(slot.line.map(UInt64.init) ?? .max)"
          }
        })
    #expect(
      kicks
        == layout.slots.flatMap { slot in
          slot.kicks.flatMap { kick in
            kick.addresses.map {
              "\(name($0.space)) \(slot.id) \(kick.queue) \(kick.loop) \($0.address) \(kick.size) 1 \(kick.value)"
            }
          }
        })
    #expect(kicks.count == 32 * doorbells)
  }

  private func name(_ space: AddressSpace) -> String {
    switch space {
    case .port: "pio"
    case .memory: "mmio"
    }
  }
}
