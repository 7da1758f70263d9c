import GuestPrograms
import Processors
import Testing

@testable import Board

@Suite("Boards of other architectures") struct ArchitectureMapTests {
  private static let architectures = Architecture.allCases.filter { $0 != .x86 }

  private static func options(_ architecture: Architecture) -> BoardOptions {
    var options = BoardOptions(
      interruptController: .none, doorbells: 1,
      disks: Array(repeating: QueueService(queues: 3), count: BoardOptions.maximumDisks),
      networks: Array(repeating: QueueService(queues: 2), count: BoardOptions.maximumNetworks),
      entropy: QueueService(), console: QueueService(queues: 4), loops: 2)
    options.architecture = architecture
    return options
  }

  @Test("All devices are in memory, apart from each other and from the most RAM", arguments: architectures)
  func apart(_ architecture: Architecture) throws {
    let map = try #require(ArchitectureMap(architecture))
    let layout = try BoardLayout(Self.options(architecture))
    #expect(!(map.ram..<map.ram + map.ramLimit).overlaps(map.devices))
    var taken: [Range<UInt64>] = []
    for slot in layout.slots {
      #expect(slot.line == nil && slot.queueLines == nil && slot.firmware == nil && slot.coalesced.isEmpty)
      for range in slot.ranges {
        #expect(range.space == .memory)
        let addresses = range.start..<range.start + range.length
        #expect(map.devices.lowerBound <= range.start && addresses.upperBound <= map.devices.upperBound)
        #expect(!taken.contains { $0.overlaps(addresses) }, "\(slot.name)")
        taken.append(addresses)
      }
      for kick in slot.kicks {
        #expect(kick.addresses.map(\.address) == [slot.ranges[0].start + UInt64(kick.offset)])
      }
    }
    #expect(layout.slots(of: .disk).count == 4 && layout.slots(of: .network).count == 4)
    #expect(layout.slots(of: .clock).isEmpty && layout.slots(of: .keyboard).isEmpty)
  }

  @Test("Devices are the PC's, with its numbers, names and queues", arguments: architectures)
  func same(_ architecture: Architecture) throws {
    var ofPC = Self.options(architecture)
    ofPC.architecture = .x86
    let (own, pc) = (try BoardLayout(Self.options(architecture)), try BoardLayout(ofPC))
    for slot in own.slots {
      let twin = try #require(pc.slots.first { $0.id == slot.id })
      #expect(twin.name == slot.name && twin.kind == slot.kind)
      #expect(twin.kicks.map(\.queue) == slot.kicks.map(\.queue))
      #expect(twin.kicks.map(\.loop) == slot.kicks.map(\.loop))
    }
  }

  @Test("A guest's code reaches its RAM and its devices, and devices know RAM by the address behind that")
  func windows() {
    for architecture in Self.architectures {
      let map = ArchitectureMap(architecture)!
      #expect(architecture.physical(architecture.virtual(map.load)) == map.load)
      let serial = map.address(.serial)
      #expect(architecture.physical(architecture.register(serial)) == serial)
    }
    #expect(Architecture.mips.virtual(0x1_0000) == 0x8001_0000)
    #expect(Architecture.mips.register(0x1000_0000) == 0xb000_0000)
  }

  @Test("What only a PC has is refused", arguments: architectures)
  func refused(_ architecture: Architecture) {
    func refuses(_ change: (inout BoardOptions) -> Void, _ option: String) {
      var options = Self.options(architecture)
      change(&options)
      let error = #expect(throws: BoardError.self) { try BoardLayout(options) }
      #expect(error?.description.contains(option) == true)
    }
    refuses({ $0.vcpus = 2 }, "--cpus 2")
    refuses({ $0.interruptController = .split }, "--irqchip split")
    refuses({ $0.debugConsole = true }, "--debugcon")
    refuses({ $0.debugExitPorts = [0x500] }, "--debug-exit-port")
  }
}
