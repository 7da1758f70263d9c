import Glibc
import Platform

/// The bytes of a kernel or of a ramdisk, wherever they are.
///
/// Parsers ask for what they need; what goes to guest RAM is read straight into it, so that a large image costs no
/// memory of its own.
package protocol ImageSource: AnyObject, Sendable {
  /// Bytes.
  var size: UInt64 { get }
  /// Fills a buffer with the bytes from an offset on, all of which must exist.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(BootError)
}

extension ImageSource {
  /// Reads a piece.
  ///
  /// - Parameter what: for the message when the file ends before the piece does.
  func bytes(at offset: UInt64, count: Int, what: String) throws(BootError) -> Fields {
    guard offset <= size, UInt64(count) <= size - offset else {
      throw .truncated(
        "the file ends within \(what): \(count) bytes at \(hexadecimal(offset)) of a file of \(size) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: BootError?
    bytes.withUnsafeMutableBytes { buffer in
      do throws(BootError) { try read(at: offset, into: buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return Fields(bytes: bytes)
  }

  /// The first bytes, as many as there are up to a limit.
  func prefix(_ limit: Int) throws(BootError) -> Fields {
    try bytes(at: 0, count: Int(min(UInt64(limit), size)), what: "its beginning")
  }
}

/// Little-endian numbers in a piece of a file.
struct Fields {
  let bytes: [UInt8]

  var count: Int { bytes.count }

  /// The number at an offset, which must lie within the piece.
  func number<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _ type: Value.Type = Value.self)
    -> Value
  {
    (0..<MemoryLayout<Value>.size).reduce(0) { value, index in
      value | Value(bytes[offset + index]) << Value(8 * index)
    }
  }

  /// Whether some bytes stand at an offset.
  func hasBytes(_ expected: [UInt8], at offset: Int) -> Bool {
    offset >= 0 && offset + expected.count <= bytes.count
      && bytes[offset..<offset + expected.count].elementsEqual(expected)
  }
}

/// An image in this process's memory.
package final class MemoryImage: ImageSource {
  private let bytes: [UInt8]

  /// Wraps bytes.
  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Bytes.
  package var size: UInt64 { UInt64(bytes.count) }

  /// Fills a buffer with the bytes from an offset on.
  package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(BootError) {
    guard offset <= size, UInt64(buffer.count) <= size - offset else {
      throw .truncated("\(buffer.count) bytes at \(hexadecimal(offset)) are not all there")
    }
    bytes.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + buffer.count]))
    }
  }
}

/// An image in a file, which stays open: a reset reads it again.
package final class FileImage: ImageSource {
  private let file: FileDescriptor
  private let identity: Identity
  /// Bytes.
  package let size: UInt64

  /// What shows that a file was written to since it was opened.
  private struct Identity: Equatable {
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    init(_ file: borrowing FileDescriptor) throws(BootError) {
      var information = stat()
      guard fstat(file.raw, &information) == 0 else {
        throw .unreadable("cannot be read: \(Errno.current)")
      }
      guard information.st_mode & S_IFMT == S_IFREG else { throw .unreadable("is not a file") }
      size = Int(information.st_size)
      seconds = information.st_mtim.tv_sec
      nanoseconds = information.st_mtim.tv_nsec
    }
  }

  /// Opens a file.
  package init(path: String) throws(BootError) {
    do {
      // Without O_NONBLOCK, opening a FIFO without a writer would wait for one.
      file = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK)
    } catch {
      throw .unreadable("cannot be opened: \(error)")
    }
    identity = try Identity(file)
    guard identity.size > 0 else { throw .truncated("is empty") }
    size = UInt64(identity.size)
  }

  /// Says when the file is no longer what was looked at when it was opened.
  func checkUnchanged() throws(BootError) {
    guard try Identity(file) == identity else {
      throw .unreadable("was changed while the guest ran: start it anew")
    }
  }

  /// Fills a buffer with the bytes from an offset on.
  package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(BootError) {
    var done = 0
    while done < buffer.count {
      let count: Int
      do {
        count = try file.read(
          into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: Int(clamping: offset) + done)
      } catch {
        throw .unreadable("cannot be read: \(error)")
      }
      guard count > 0 else { throw .unreadable("was cut short while it was read") }
      done += count
    }
  }
}
