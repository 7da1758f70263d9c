import Board
import ForeignGuests
import Processors

extension GuestProgram {
  /// The built-in guests that are there for an architecture, in the order in which they are listed.
  package static func all(for architecture: Architecture) -> [GuestProgram] {
    all.compactMap { $0.variant(for: architecture) }
  }

  /// The built-in guest of this name, for an architecture.
  ///
  /// - Throws: ``GuestError/unknownGuest(_:known:)``, ``GuestError/notCompiled(guest:architecture:known:)``.
  package static func named(_ name: String, for architecture: Architecture) throws(GuestError) -> GuestProgram
  {
    guard let variant = try named(name).variant(for: architecture) else {
      throw .notCompiled(
        guest: name, architecture: architecture.rawValue, known: all(for: architecture).map(\.name))
    }
    return variant
  }

  /// The same guest on another architecture's board: without ports and interrupts. Nil where it is not compiled for that.
  private func variant(for architecture: Architecture) -> GuestProgram? {
    guard architecture != .x86 else { return self }
    guard let map = ArchitectureMap(architecture), ForeignImages.has(name, architecture) else { return nil }
    var program = self
    program.architecture = architecture
    program.parameters = parameters.map { parameter in
      switch parameter.name {
      case .window: parameter.restricted(to: GuestArguments.Window.memory.rawValue)
      case .wait: parameter.restricted(to: GuestArguments.Wait.poll.rawValue)
      default: parameter
      }
    }
    let expect = program.expect
    program.expect = { arguments, machine in expect(arguments, machine).moved(to: map) }
    return program
  }

  /// The image, as it is copied to RAM.
  package var imageBytes: [UInt8] {
    architecture == .x86 ? Array(image) : ForeignImages.image(of: name, architecture) ?? []
  }
}

extension GuestParameter {
  /// The same parameter where there is no choice.
  fileprivate func restricted(to value: String) -> GuestParameter {
    GuestParameter(name: name, meaning: meaning, values: .choice([value]), defaultValue: value)
  }
}

extension GuestExpectation {
  /// The same of a guest on a board without ports, where all registers are in memory, and elsewhere.
  fileprivate func moved(to map: ArchitectureMap) -> GuestExpectation {
    var moved = self
    func move(_ accesses: [GuestAccess: UInt64]) -> [GuestAccess: UInt64] {
      var result: [GuestAccess: UInt64] = [:]
      for (access, count) in accesses { result[access.moved(to: map), default: 0] += count }
      return result
    }
    moved.accesses = move(accesses)
    moved.kickAccesses = move(kickAccesses)
    moved.controls = .memory
    return moved
  }
}

extension GuestAccess {
  private static let doorbells: Range<UInt64> = 0xd000_0000..<0xd000_8000

  /// The same access on such a board. A virtio device is where the machine says.
  fileprivate func moved(to map: ArchitectureMap) -> GuestAccess {
    let place: UInt64 =
      switch (space, address) {
      case (.port, 0x604): map.address(.power)
      case (.port, 0x580): map.address(.marker)
      case (.port, 0x3f8...0x3ff): map.address(.serial) + (address - 0x3f8)
      case (.memory, GuestAccess.doorbells):
        map.address(.doorbell, Int((address - GuestAccess.doorbells.lowerBound) / 0x2000)) + address % 0x2000
      default: address
      }
    return GuestAccess(.memory, direction, place, size: size)
  }
}
