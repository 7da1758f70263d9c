import CKVM
import Glibc
import Platform

/// KVM's own counters of a machine or a vCPU: the file that KVM_GET_STATS_FD opens.
///
/// The file describes itself: a header, a table of descriptors and the data (Documentation/virt/kvm/api.rst, section
/// 4.131). The table is read once; a sample is one pread of the data.
public struct Statistics: ~Copyable, Sendable {
  /// One counter.
  public struct Counter: Sendable {
    /// The kernel's name, such as `io_exits`.
    public let name: String
    /// How many 64-bit values it has; histograms have more than one.
    public let count: Int
    /// What it is: KVM_STATS_TYPE_* of linux/kvm.h, from 0 (cumulative) to 4 (logarithmic histogram).
    public let type: UInt8
    /// What it counts in: KVM_STATS_UNIT_*, from 0 (none) to 4 (boolean).
    public let unit: UInt8
    /// A value is this, 2 or 10, to the power of `exponent`, of its unit: seconds with 10 and -9 are nanoseconds.
    public let base: UInt8
    /// See `base`.
    public let exponent: Int16
    /// How wide each element of a linear histogram is.
    public let bucketSize: UInt32
    fileprivate let offset: Int

    fileprivate init(_ descriptor: kvm_stats_desc, name: String) {
      self.name = name
      count = Int(descriptor.size)
      // Type, unit and base have four bits each of the flags (linux/kvm.h).
      type = UInt8(descriptor.flags & 0xf)
      unit = UInt8(descriptor.flags >> 4 & 0xf)
      base = descriptor.flags >> 8 & 0xf == 1 ? 2 : 10
      exponent = descriptor.exponent
      bucketSize = descriptor.bucket_size
      offset = Int(descriptor.offset)
    }
  }

  /// The counters in the kernel's order.
  public let counters: [Counter]
  private let file: FileDescriptor
  private let dataOffset: Int
  private let dataSize: Int

  /// Opens the counters of a VM's or a vCPU's descriptor.
  init(of descriptor: borrowing FileDescriptor) throws(KVMError) {
    let raw = try Request("KVM_GET_STATS_FD", CKVM_GET_STATS_FD)(descriptor)
    let file = FileDescriptor(owning: CInt(raw))
    let headerSize = MemoryLayout<kvm_stats_header>.size
    let header = try Statistics.read(file, count: headerSize, at: 0).withUnsafeBytes {
      $0.loadUnaligned(as: kvm_stats_header.self)
    }
    // Bounds before anything is allocated from the file's numbers: the kernel has some 60 counters today.
    let nameSize = Int(header.name_size)
    let number = Int(header.num_desc)
    let fixed = MemoryLayout<kvm_stats_desc>.size
    guard nameSize > 0, nameSize <= 4096, number <= 65536 else {
      throw KVMError("KVM_GET_STATS_FD", .invalidArgument, purpose: "statistics header")
    }
    let table = try Statistics.read(file, count: number * (fixed + nameSize), at: Int(header.desc_offset))
    var counters: [Counter] = []
    var size = 0
    table.withUnsafeBytes { bytes in
      for index in 0..<number {
        let start = index * (fixed + nameSize)
        let descriptor = bytes.loadUnaligned(fromByteOffset: start, as: kvm_stats_desc.self)
        let name = bytes[(start + fixed)..<(start + fixed + nameSize)].prefix { $0 != 0 }
        let counter = Counter(descriptor, name: String(decoding: name, as: UTF8.self))
        counters.append(counter)
        size = max(size, counter.offset + 8 * counter.count)
      }
    }
    guard size <= 1 << 20 else {
      throw KVMError("KVM_GET_STATS_FD", .invalidArgument, purpose: "statistics data of \(size) bytes")
    }
    self.counters = counters
    self.file = file
    dataOffset = Int(header.data_offset)
    dataSize = size
  }

  /// Reads all counters at one instant.
  public borrowing func sample() throws(KVMError) -> Sample {
    Sample(bytes: try Statistics.read(file, count: dataSize, at: dataOffset))
  }

  /// The counter of a name, if this kernel keeps it.
  public borrowing func counter(_ name: String) -> Counter? {
    counters.first { $0.name == name }
  }

  /// The values of all counters at one instant.
  public struct Sample: Sendable {
    private let bytes: [UInt8]

    fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

    /// The value of a counter of the same file, or the sum of a histogram's buckets.
    public subscript(counter: Counter) -> UInt64 {
      (0..<counter.count).reduce(0) { $0 &+ self[counter, $1] }
    }

    /// One value of a counter of the same file: an element of a histogram, 0 to `count` - 1.
    public subscript(counter: Counter, element: Int) -> UInt64 {
      bytes.withUnsafeBytes { bytes in
        let offset = counter.offset + 8 * element
        guard element >= 0, offset + 8 <= bytes.count else { return 0 }
        return bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      }
    }
  }

  private static func read(
    _ file: borrowing FileDescriptor, count: Int, at offset: Int
  ) throws(KVMError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: Errno?
    var filled = 0
    bytes.withUnsafeMutableBytes { buffer in
      while filled < count, failure == nil {
        do throws(Errno) {
          let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
          let got = try file.read(into: rest, at: offset + filled)
          if got == 0 { failure = .ioError }
          filled += got
        } catch {
          failure = error
        }
      }
    }
    if let failure { throw KVMError("read", failure, purpose: "KVM statistics") }
    return bytes
  }
}
