// SPDX-License-Identifier: Apache-2.0
import Encoding
import Testing

/// Who can reach an address.
@Suite struct AddressReachTests {
    @Test(arguments: ["127.0.0.1", "127.255.255.254", "::1"])
    func `loopback is this machine alone`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.isLoopback && !address.isPublic)
    }

    @Test(arguments: [
        "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
        "169.254.1.1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1",
    ])
    func `private, shared and link-local networks are not public`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(!address.isPublic && !address.isLoopback)
    }

    @Test(arguments: [
        "9.255.255.255", "11.0.0.1", "172.15.255.255", "172.32.0.1", "192.167.1.1", "192.169.0.1", "100.63.255.255",
        "100.128.0.1", "203.0.113.7", "2001:db8::1", "fbff::1", "fe00::1",
    ])
    func `everything else is`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic)
    }
}
