// SPDX-License-Identifier: Apache-2.0
import Encoding
import Testing

struct AddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ])
    func `an address is read in every form and shown in one`(text: String, shown: String) {
        #expect(IPAddress(text)?.description == shown)
        #expect(IPAddress(shown) == IPAddress(text))
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.+4", " 1.2.3.4", "1.2.3.4 ", ":", ":::",
        "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", "12345::", "g::", "::1%eth0", "[::1]",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7", "1.2.3.4::", "::1.2.3", "::-1", "::+1", "fe80::1\0",
    ])
    func `what is no address is refused`(text: String) { #expect(IPAddress(text) == nil) }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("0.0.0.0/0", "255.255.255.255", true),
        ("0.0.0.0/0", "::1", false), ("::/0", "2001:db8::1", true), ("::/0", "10.0.0.1", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1/32", "192.0.2.1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::1/128", "::1", true), ("128.0.0.0/1", "127.255.255.255", false),
    ])
    func `a block holds its addresses and no others`(block: String, address: String, holds: Bool) throws {
        #expect(try AddressRange(block).contains(try #require(IPAddress(address))) == holds)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "::/129", "a/8",
    ])
    func `what is no block is refused`(text: String) {
        #expect(throws: AddressRange.Failure.notARange) { try AddressRange(text) }
    }

    @Test func `an address with a prefix that cuts it is refused, with the block that was meant`() {
        #expect(throws: AddressRange.Failure.bitsBehindPrefix(block: "10.0.0.0/8")) { try AddressRange("10.0.0.1/8") }
        #expect(throws: AddressRange.Failure.bitsBehindPrefix(block: "2001:db8::/32")) {
            try AddressRange("2001:db8::1/32")
        }
    }
}
