import ArgumentParser

/// Options that devices name by their ids, such as drives: each belongs to one device.
struct ReferredOptions<Option> {
  private let noun: String
  private let driver: String
  private let all: [(id: String, option: Option)]
  private var taken: Set<String> = []

  /// Collects what a user gave.
  ///
  /// - Parameters:
  ///   - noun: what it is called, which is the option's name and the device's key: `drive`.
  ///   - driver: a device that takes one: `virtio-blk-device`.
  init(_ noun: String, of driver: String, _ options: [Option], id: (Option) -> String) throws {
    self.noun = noun
    self.driver = driver
    all = options.map { (id($0), $0) }
    for (index, one) in all.enumerated() where all[..<index].contains(where: { $0.id == one.id }) {
      throw ValidationError("two of --\(noun) have id=\(one.id)")
    }
  }

  /// Gives one to a device.
  mutating func take(_ id: String, for device: KeyedArgument) throws -> Option {
    guard let found = all.first(where: { $0.id == id }) else {
      guard !all.isEmpty else {
        throw device.failure("there is no \(noun) '\(id)'; give --\(noun) …,id=\(id)")
      }
      throw device.unknown(noun, id, among: all.map(\.id))
    }
    guard taken.insert(id).inserted else { throw device.failure("another device has the \(noun) \(id)") }
    return found.option
  }

  /// Refuses what no device has: it would silently not be there.
  func checkAllTaken() throws {
    for (id, _) in all where !taken.contains(id) {
      throw ValidationError(
        "--\(noun) with id=\(id): no device has it; give --device \(driver),\(noun)=\(id)"
          + (noun == "chardev" ? ", or for the serial port --serial chardev:\(id)" : ""))
    }
  }
}
