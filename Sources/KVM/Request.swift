import CKVM
import Platform

/// One ioctl, by name and number.
struct Request {
  let name: String
  let number: UInt

  init(_ name: String, _ number: UInt) {
    self.name = name
    self.number = number
  }

  /// Issues the request with a plain number and returns the kernel's result.
  @discardableResult
  func callAsFunction(_ descriptor: borrowing FileDescriptor, _ argument: UInt = 0) throws(KVMError) -> Int {
    let result = ckvm_ioctl(descriptor.raw, number, argument)
    guard result >= 0 else { throw KVMError(name, Errno(rawValue: CInt(-result))) }
    return result
  }

  // The kernel touches as many bytes as the request's number says, which its headers make of the struct's size; those of structs
  // that end with an array say in a count how many entries there is room for.

  /// Issues the request with a struct that the kernel reads, writes or both.
  @discardableResult
  func callAsFunction<Value>(
    _ descriptor: borrowing FileDescriptor, _ value: inout Value
  ) throws(KVMError) -> Int {
    let raw = descriptor.raw
    let result = unsafe withUnsafeMutablePointer(to: &value) { unsafe ckvm_ioctl_pointer(raw, number, $0) }
    guard result >= 0 else { throw KVMError(name, Errno(rawValue: CInt(-result))) }
    return result
  }

  /// Issues the request with as many bytes as an array has, for structs that are not looked into.
  @discardableResult
  func callAsFunction(
    _ descriptor: borrowing FileDescriptor, of words: inout [UInt64]
  ) throws(KVMError) -> Int {
    let raw = descriptor.raw
    let result = unsafe words.withUnsafeMutableBytes { bytes in
      unsafe ckvm_ioctl_pointer(raw, number, bytes.baseAddress)
    }
    guard result >= 0 else { throw KVMError(name, Errno(rawValue: CInt(-result))) }
    return result
  }

  /// Issues the request with memory that stays where it is, for structs too large for the stack.
  @discardableResult
  func callAsFunction<Value>(
    _ descriptor: borrowing FileDescriptor, at pointer: UnsafeMutablePointer<Value>
  ) throws(KVMError) -> Int {
    let result = unsafe ckvm_ioctl_pointer(descriptor.raw, number, pointer)
    guard result >= 0 else { throw KVMError(name, Errno(rawValue: CInt(-result))) }
    return result
  }
}
