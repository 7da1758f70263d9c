import CTF

/// Metadata is read and compiled to decode plans; there is nothing to decode.
enum MetadataTarget {
  static func run(_ input: [UInt8]) -> String? {
    do throws(TraceError) {
      _ = try Trace(opening: [TraceInput.write(metadata: input, files: [])])
    } catch {
      return OneLine.complaint(error)
    }
    return nil
  }
}

enum OneLine {
  /// An error is one line that says where and what.
  static func complaint(_ error: TraceError) -> String? {
    if error.message.isEmpty { return "an error without a message" }
    return error.description.contains("\n") ? "an error of several lines: \(error)" : nil
  }
}
