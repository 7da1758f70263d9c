import CKVM
import Engine
import Glibc
import Platform

/// KVM's own counters of a machine or a vCPU: the file that KVM_GET_STATS_FD opens.
///
/// The file describes itself: a header, a table of descriptors and the data (Documentation/virt/kvm/api.rst, section
/// 4.131). The table is read once; a sample is one pread of the data.
public final class Statistics: CounterSource {
  /// The counters in the kernel's order.
  public let counters: [Counter]
  private let file: FileDescriptor
  private let dataOffset: Int
  private let dataSize: Int

  /// Opens the counters of a VM's or a vCPU's descriptor.
  init(of descriptor: borrowing FileDescriptor) throws(KVMError) {
    let raw = try Request("KVM_GET_STATS_FD", CKVM_GET_STATS_FD)(descriptor)
    let file = FileDescriptor(owning: CInt(raw))
    // All that is read of the file below is read into arrays of the size asked for; `read` fails where there is less.
    let headerSize = MemoryLayout<kvm_stats_header>.size
    let header = try unsafe Statistics.read(file, count: headerSize, at: 0).withUnsafeBytes {
      unsafe $0.loadUnaligned(as: kvm_stats_header.self)
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
    unsafe table.withUnsafeBytes { bytes in
      for index in 0..<number {
        let start = index * (fixed + nameSize)
        let descriptor = unsafe bytes.loadUnaligned(fromByteOffset: start, as: kvm_stats_desc.self)
        let name = unsafe bytes[(start + fixed)..<(start + fixed + nameSize)].prefix { $0 != 0 }
        let counter = unsafe Counter(descriptor, name: String(decoding: name, as: UTF8.self))
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
  public func sample() throws -> CounterSample {
    CounterSample(bytes: try Statistics.read(file, count: dataSize, at: dataOffset))
  }

  private static func read(
    _ file: borrowing FileDescriptor, count: Int, at offset: Int
  ) throws(KVMError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: Errno?
    var filled = 0
    unsafe bytes.withUnsafeMutableBytes { buffer in
      while filled < count, failure == nil {
        do throws(Errno) {
          let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
          let got = try unsafe file.read(into: rest, at: offset + filled)
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

extension Counter {
  fileprivate init(_ descriptor: kvm_stats_desc, name: String) {
    // Type, unit and base have four bits each of the flags (linux/kvm.h).
    self.init(
      name: name, count: Int(descriptor.size), type: UInt8(descriptor.flags & 0xf),
      unit: UInt8(descriptor.flags >> 4 & 0xf), base: descriptor.flags >> 8 & 0xf == 1 ? 2 : 10,
      exponent: descriptor.exponent, bucketSize: descriptor.bucket_size, offset: Int(descriptor.offset))
  }
}
