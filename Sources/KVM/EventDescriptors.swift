import CKVM
import Engine

extension IoEventFd {
  /// The argument of KVM_IOEVENTFD.
  var request: kvm_ioeventfd {
    var request = kvm_ioeventfd()
    request.fd = descriptor
    request.len = size
    if let value {
      request.datamatch = value
      request.flags |= CKVM_IOEVENTFD_FLAG_DATAMATCH
    }
    switch address {
    case .port(let port):
      request.addr = UInt64(port)
      request.flags |= CKVM_IOEVENTFD_FLAG_PIO
    case .memory(let memory):
      request.addr = memory
    }
    return request
  }
}
