/// A register of a processor that is no x86's, for messages.
public struct NamedRegister: Sendable, Equatable {
  /// As the architecture's assembler has it.
  public let name: String
  /// What is in it.
  public let value: UInt64

  /// Describes a register.
  public init(_ name: String, _ value: UInt64) {
    self.name = name
    self.value = value
  }
}

extension Vcpu {
  /// Refuses, for processors that begin in a state of x86 (`setState`).
  public func begin(at instruction: UInt64, argument: UInt64) throws {
    throw UnsupportedByEngine(description: "this processor is an x86")
  }

  /// Nil, for processors with registers of x86 (`state`).
  public func registers() -> [NamedRegister]? { nil }
}
