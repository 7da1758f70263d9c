import ArgumentParser
import Machine

/// `--device DRIVER[,key=value…]`: a device that is there only where it is asked for.
enum DeviceOption: Sendable {
  /// A source of random bytes.
  case entropy

  private static let drivers = ["virtio-rng-device"]

  init(parsing argument: String) throws {
    let words = try KeyedArgument(argument, of: "--device", first: "a driver")
    switch words.first {
    case "virtio-rng-device":
      try words.allow("id")
      _ = try words.identifier()
      self = .entropy
    default: throw words.unknown("driver", words.first, among: DeviceOption.drivers)
    }
  }

  /// Adds the devices to a machine.
  static func apply(_ devices: [DeviceOption], to configuration: inout MachineConfiguration) throws {
    for device in devices {
      switch device {
      case .entropy:
        guard !configuration.entropy else {
          throw ValidationError("--device virtio-rng-device: given twice; one is enough for any guest")
        }
        configuration.entropy = true
      }
    }
  }
}
