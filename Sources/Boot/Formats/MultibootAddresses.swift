/// What a multiboot header of either version says of a file that is no ELF, or is not to be taken for one: which part of it is
/// loaded where (Multiboot Specification 0.6.96, section 3.1.3; Multiboot2 Specification 2.0, section 3.1.5). Physical addresses.
struct MultibootAddresses {
  /// Where the header itself would be.
  let header: UInt64
  /// Where what is loaded begins.
  let load: UInt64
  /// Where that ends; 0: with the file.
  let loadEnd: UInt64
  /// Where the zeros behind it end; 0: there are none.
  let zeroEnd: UInt64
  /// The first instruction.
  let entry: UInt64

  /// The part of the file that is loaded, with the zeros behind it; the entry is in it.
  ///
  /// - Parameter headerOffset: where the header is in the file.
  func segment(of source: some ImageSource, headerOffset: Int) throws(BootError) -> ELFImage.Segment {
    guard header >= load, header - load <= UInt64(headerOffset) else {
      throw .malformed(
        "has a multiboot header at \(hexadecimal(headerOffset)) that would be loaded to \(hexadecimal(header)), before "
          + "or too far behind its load address \(hexadecimal(load))")
    }
    let fileOffset = UInt64(headerOffset) - (header - load)
    let available = source.size - fileOffset
    guard loadEnd == 0 || loadEnd > load else {
      throw .malformed("ends at \(hexadecimal(loadEnd)), before its load address \(hexadecimal(load))")
    }
    let size = loadEnd == 0 ? available : loadEnd - load
    guard size <= available else {
      throw .truncated("the file ends within the image: \(size) bytes are announced, \(available) are there")
    }
    guard load + size <= 1 << 32 else { throw .malformed("reaches beyond 4 GiB") }
    guard zeroEnd == 0 || zeroEnd >= load + size else {
      throw .malformed(
        "has the end of its zeroed part at \(hexadecimal(zeroEnd)), before the end of what is loaded, "
          + "\(hexadecimal(load + size))")
    }
    let piece = ELFImage.Segment(
      fileOffset: fileOffset, fileSize: size, physicalAddress: load,
      memorySize: zeroEnd == 0 ? size : zeroEnd - load, virtualAddress: load)
    guard piece.range.contains(entry) else {
      throw .malformed("has its entry \(hexadecimal(entry)) outside \(ELFImage.text(piece.range))")
    }
    return piece
  }
}
