import Platform
import Testing

/// What a user is told who may not open /dev/kvm: something that helps on his host.
@Suite("Advice about devices")
struct DeviceAccessTests {
  private func advice(_ group: String, allowsGroup: Bool = true, isMember: Bool = false) -> String {
    DeviceAccess(
      path: "/dev/kvm", group: group, isRootsGroup: group == "root", allowsGroup: allowsGroup,
      isMember: isMember
    ).advice
  }

  @Test("A group that would help is to be joined, by its name")
  func group() {
    for name in ["kvm", "users"] { #expect(advice(name).contains("usermod -aG \(name) USER")) }
    #expect(advice("kvm", isMember: true).contains("which you are in"))
  }

  @Test(
    "root's group is nobody's to join, nor is one that may not use the device", arguments: ["root", "kvm"])
  func root(name: String) {
    let text = advice(name, allowsGroup: name == "root")
    #expect(text.hasPrefix("only root may use it"))
    #expect(!text.contains("-aG root"))
    #expect(text.contains("chgrp kvm /dev/kvm; chmod 660 /dev/kvm"))
  }

  @Test("A device that is there is described")
  func there() throws {
    let null = try #require(DeviceAccess("/dev/null"))
    #expect(null.group == "root" && null.isRootsGroup && null.allowsGroup)
    #expect(DeviceAccess("/dev/none") == nil)
  }
}
